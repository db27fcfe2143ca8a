"""How people give: when they begin, change their minds, forget a card, leave and come back.

The odds are made up, and near what reader-funded newsrooms publish about themselves.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from config.settings import Tier
from membership.billing.amounts import least, with_card_fee
from membership.money import Money, from_major, smallest_step
from membership.seed import failures, partings
from membership.seed.books import CARD_EXPIRES_ON, Agreement, Books, Giver
from membership.seed.calendar import between
from membership.seed.failures import RETRIES
from membership.seed.people import person

Tiers = Mapping[str, tuple[Tier, ...]]

# How many givers of a hundred choose each currency, among those that are offered.
CURRENCY_WEIGHTS = {"EUR": 44, "UAH": 28, "USD": 14, "GBP": 8, "PLN": 6}
OTHER_WEIGHT = 5
TIER_WEIGHTS = (58, 31, 11)
GIVES_ONCE = 0.11
GIVES_YEARLY = 0.2
ALSO_GIVES_ONCE = 0.09
LEFT_A_CHECKOUT = 0.08
COVERS_FEES = 0.12
COMES_BACK = 0.22
CARD_ENDS_SOON = 0.07


@dataclass(frozen=True)
class Odds:
    """What may happen in one period, as shares of 1."""

    leave: float
    more: float
    less: float
    pause: float
    fail: float


MONTHLY = Odds(leave=0.016, more=0.013, less=0.006, pause=0.004, fail=0.03)
YEARLY = Odds(leave=0.12, more=0.06, less=0.03, pause=0.0, fail=0.06)


def live(rng: Random, books: Books, tiers: Tiers, began_at: datetime, number: int) -> None:
    """One giver's whole story from `began_at` until now."""
    currency = _currency(rng, tiers)
    giver = books.giver(
        number,
        person(rng, number, ukrainian=currency == "UAH" or rng.random() < 0.25),
        began_at - timedelta(minutes=5),
    )
    gift = _gift(rng, tiers[currency], currency)
    if rng.random() < LEFT_A_CHECKOUT:
        books.checkout(giver, gift, "month", began_at - timedelta(hours=2), state="expired")
    if rng.random() < GIVES_ONCE:
        _give_once(rng, books, giver, gift * rng.choice((2, 3, 5)), began_at)
        return
    if rng.random() < ALSO_GIVES_ONCE:
        gift_at = between(rng, began_at, books.now)
        _give_once(rng, books, giver, gift * rng.choice((1, 2, 3)), gift_at)
    yearly = rng.random() < GIVES_YEARLY
    ended_at: datetime | None = began_at
    while ended_at is not None and ended_at < books.now:
        ended_at = _give_regularly(rng, books, giver, gift, yearly, ended_at)
        if ended_at is None or rng.random() >= COMES_BACK:
            return
        ended_at += timedelta(days=rng.randint(20, 150))


def _give_once(rng: Random, books: Books, giver: Giver, gift: Money, at: datetime) -> None:
    books.give_once(giver, gift, at, partings.taken_back(rng, giver.number, gift, at, books.now))


def _give_regularly(
    rng: Random, books: Books, giver: Giver, gift: Money, yearly: bool, at: datetime
) -> datetime | None:
    """One agreement from its beginning; when it ended, or None while it runs."""
    interval, odds = ("year", YEARLY) if yearly else ("month", MONTHLY)
    covers_fees = rng.random() < COVERS_FEES
    gift = gift * 12 if yearly else gift
    if covers_fees:
        gift = with_card_fee(gift, books.fees[gift.currency])
    agreement = books.begin(giver, gift, interval, at, covers_fees=covers_fees)
    agreement.card_expires_on = _card_expires_on(rng, books.now.date())
    number, paid_until = 0, at
    while paid_until <= books.now:
        if not _renew(rng, books, agreement, odds, number, paid_until):
            break
        number += 1
        paid_from, paid_until = paid_until, agreement.renewal(number)
        _mid_period(rng, books, agreement, odds, paid_from, min(paid_until, books.now))
    # A payment that is being tried again belongs to the period that has begun.
    books.close(agreement, agreement.renewal(number + (agreement.state == "past_due")))
    return agreement.ended_at


def _renew(
    rng: Random, books: Books, agreement: Agreement, odds: Odds, number: int, at: datetime
) -> bool:
    """What a new period begins with; False when nothing is given in it."""
    if agreement.state == "cancel_scheduled":
        books.turn(agreement, at, "ended", end_reason="voluntary")
        return False
    if agreement.state == "paused":
        books.turn(agreement, at, "active")
    if number and rng.random() < odds.fail:
        return failures.live_through(rng, books, agreement, at)
    gift = Money(agreement.amount, agreement.currency)
    taken = partings.taken_back(rng, agreement.giver.number, gift, at, books.now)
    books.pay(agreement, at, taken)
    if taken.disputed_at is None:
        return True
    reason = "fraud" if taken.dispute == "fraudulent" else "dispute"
    books.turn(agreement, taken.disputed_at, "ended", end_reason=reason)
    return False


def _mid_period(
    rng: Random, books: Books, agreement: Agreement, odds: Odds, start: datetime, end: datetime
) -> None:
    """What a patron does of their own will, at some moment of the period before `end`."""
    at = between(rng, start + RETRIES, end)
    chance = rng.random()
    if at >= books.now or end < start + RETRIES:
        return
    for share, state, factor in (
        (odds.leave, "cancel_scheduled", None),
        (odds.pause, "paused", None),
        (odds.more, "active", Decimal("1.5")),
        (odds.less, "active", Decimal("0.5")),
    ):
        if chance < share:
            amount = _rounded(agreement, factor) if factor else agreement.amount
            if state != "active" or amount != agreement.amount:
                books.turn(agreement, at, state, amount=amount)
            if state == "cancel_scheduled":
                partings.say_why(rng, books, agreement, at)
            return
        chance -= share


def _currency(rng: Random, tiers: Tiers) -> str:
    weights = [CURRENCY_WEIGHTS.get(code, OTHER_WEIGHT) for code in tiers]
    return rng.choices(list(tiers), weights)[0]


def _gift(rng: Random, tiers: tuple[Tier, ...], currency: str) -> Money:
    """A tier, or now and then an amount of one's own."""
    gift = from_major(rng.choices(tiers, TIER_WEIGHTS)[0].amount, currency)
    return gift * rng.choice((1, 1, 1, 1, 1, 1, 1, 2))


def _rounded(agreement: Agreement, factor: Decimal) -> int:
    """The amount times `factor`, one that can be charged and is not below the least."""
    step = smallest_step(agreement.currency)
    wanted = int(agreement.amount * factor) // step * step
    return max(wanted, least(agreement.currency).minor)


def _card_expires_on(rng: Random, today: date) -> date:
    """The last day of a month: of one of the next few for some, far off for most."""
    if rng.random() >= CARD_ENDS_SOON:
        return CARD_EXPIRES_ON
    years, month = divmod(today.month - 1 + rng.randint(0, 3), 12)
    year, month = today.year + years, month + 1
    return date(year, month, monthrange(year, month)[1])
