"""How people give: when they begin, change their minds, forget a card, leave and come back.

The odds are made up, and near what reader-funded newsrooms publish about themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from config.settings import Tier
from membership.billing.amounts import least
from membership.money import Money, from_major, smallest_step
from membership.seed.books import Agreement, Books, Giver
from membership.seed.people import person

Tiers = Mapping[str, tuple[Tier, ...]]

# How many givers of a hundred choose each currency, among those that are offered.
CURRENCY_WEIGHTS = {"EUR": 46, "UAH": 30, "USD": 15, "GBP": 9}
OTHER_WEIGHT = 5
TIER_WEIGHTS = (58, 31, 11)
GIVES_ONCE = 0.11
GIVES_YEARLY = 0.2
ALSO_GIVES_ONCE = 0.09
LEFT_A_CHECKOUT = 0.08
COMES_BACK = 0.22
RECOVERS = 0.62
RETRIES = timedelta(days=15)


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


@dataclass(frozen=True)
class Span:
    """From when until when the story is told."""

    start: datetime
    now: datetime

    def some_day(self, rng: Random) -> datetime:
        """A moment in the span; later ones are likelier, since a newsroom grows."""
        return between(rng, self.start, self.now - timedelta(hours=1), rng.random() ** 0.7)


def between(rng: Random, start: datetime, end: datetime, share: float | None = None) -> datetime:
    """A moment between the two, to the second."""
    where = rng.random() if share is None else share
    return start + timedelta(seconds=int((end - start).total_seconds() * where))


def live(rng: Random, books: Books, tiers: Tiers, began_at: datetime, number: int) -> None:
    """One giver's whole story from `began_at` until now."""
    currency = _currency(rng, tiers)
    giver = books.giver(
        person(rng, number, ukrainian=currency == "UAH" or rng.random() < 0.25),
        began_at - timedelta(minutes=5),
    )
    gift = _gift(rng, tiers[currency], currency)
    if rng.random() < LEFT_A_CHECKOUT:
        books.checkout(giver, gift, "month", began_at - timedelta(hours=2), "expired")
    if rng.random() < GIVES_ONCE:
        books.give_once(giver, gift * rng.choice((2, 3, 5)), began_at)
        return
    if rng.random() < ALSO_GIVES_ONCE:
        books.give_once(giver, gift * rng.choice((1, 2, 3)), between(rng, began_at, books.now))
    yearly = rng.random() < GIVES_YEARLY
    ended_at: datetime | None = began_at
    while ended_at is not None and ended_at < books.now:
        ended_at = _give_regularly(rng, books, giver, gift, yearly, ended_at)
        if ended_at is None or rng.random() >= COMES_BACK:
            return
        ended_at += timedelta(days=rng.randint(20, 150))


def _give_regularly(
    rng: Random, books: Books, giver: Giver, gift: Money, yearly: bool, at: datetime
) -> datetime | None:
    """One agreement from its beginning; when it ended, or None while it runs."""
    interval, odds = ("year", YEARLY) if yearly else ("month", MONTHLY)
    agreement = books.begin(giver, gift * 12 if yearly else gift, interval, at)
    number = 1
    while True:
        paid_until = agreement.renewal(number)
        _mid_period(rng, books, agreement, odds, number, min(paid_until, books.now))
        if paid_until > books.now:
            break
        if agreement.state == "cancel_scheduled":
            books.turn(agreement, paid_until, "ended", end_reason="voluntary")
            break
        if agreement.state == "paused":
            books.turn(agreement, paid_until, "active")
        if rng.random() >= odds.fail:
            books.pay(agreement, paid_until)
        elif not _survives_failure(rng, books, agreement, paid_until):
            break
        number += 1
    # A payment that is being tried again belongs to the period that has begun.
    books.close(agreement, agreement.renewal(number + (agreement.state == "past_due")))
    return agreement.ended_at


def _mid_period(
    rng: Random, books: Books, agreement: Agreement, odds: Odds, number: int, end: datetime
) -> None:
    """What a patron does of their own will, at some moment of the period before `end`."""
    at = between(rng, agreement.renewal(number - 1) + RETRIES, end)
    chance = rng.random()
    if at >= books.now or end < agreement.renewal(number - 1) + RETRIES:
        return
    for share, state, factor in (
        (odds.leave, "cancel_scheduled", Decimal(1)),
        (odds.pause, "paused", Decimal(1)),
        (odds.more, "active", Decimal("1.5")),
        (odds.less, "active", Decimal("0.5")),
    ):
        if chance < share:
            amount = _rounded(agreement, factor)
            if state != "active" or amount != agreement.amount:
                books.turn(agreement, at, state, amount=amount)
            return
        chance -= share


def _survives_failure(rng: Random, books: Books, agreement: Agreement, due_at: datetime) -> bool:
    """A payment fails and is tried again; False when that ended it, or has not ended yet."""
    books.turn(agreement, due_at, "past_due")
    if rng.random() < RECOVERS:
        paid_at = due_at + timedelta(days=rng.randint(1, 12), hours=rng.randint(0, 9))
        if paid_at > books.now:
            return False
        books.turn(agreement, paid_at, "active")
        books.pay(agreement, paid_at)
        return True
    gone_at = due_at + RETRIES
    if gone_at <= books.now:
        books.turn(agreement, gone_at, "ended", end_reason="payment_failed")
    return False


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
