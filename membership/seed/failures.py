"""Payments that fail at first: how Stripe tries again, what we write, and who mends the card."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from membership.billing.dunning import rules
from membership.seed.books import Agreement, Books, invoice
from membership.seed.calendar import between

DAY = timedelta(days=1)
# Stripe tries again on these days, and gives up after RETRIES.
RETRY_DAYS = (1, 3, 5, 7)
RETRIES = timedelta(days=15)
# Stripe's words, and how many failures of a hundred have each.
CODES = {
    "insufficient_funds": 44,
    "generic_decline": 17,
    "do_not_honor": 11,
    "expired_card": 12,
    "authentication_required": 9,
    "lost_card": 4,
    "stolen_card": 2,
    "transaction_not_allowed": 1,
}
# By kind: the share that is recovered, and of a hundred of these how many by what.
RECOVERED = {
    "soft": (0.68, {"retry": 55, "mail": 33, "patron": 12}),
    "hard": (0.44, {"mail": 70, "patron": 30}),
    "action": (0.58, {"mail": 74, "patron": 26}),
}
MAILS = {"action": "payment_action"}


@dataclass(frozen=True)
class Failure:
    """What will become of a payment that was due at `failed_at`."""

    kind: rules.Kind
    decline_code: str
    failed_at: datetime
    recovered_at: datetime | None
    recovered_by: str | None


def foretell(rng: Random, due_at: datetime) -> Failure:
    code = rng.choices(list(CODES), list(CODES.values()))[0]
    kind = rules.kind(code, code == "authentication_required")
    share, ways = RECOVERED[kind]
    if rng.random() >= share:
        return Failure(kind, code, due_at, None, None)
    way = rng.choices(list(ways), list(ways.values()))[0]
    if way == "retry":
        at = due_at + rng.choice(RETRY_DAYS) * DAY
    else:
        at = between(rng, due_at + timedelta(hours=1), due_at + 13 * DAY)
    return Failure(kind, code, due_at, at, way)


def live_through(rng: Random, books: Books, agreement: Agreement, due_at: datetime) -> bool:
    """A payment fails and is tried again; False when that ended it, or has not ended yet."""
    failure = foretell(rng, due_at)
    donation_id = books.next("donation")
    books.turn(agreement, due_at, "past_due")
    paid_at = failure.recovered_at
    gone_at = due_at + RETRIES if paid_at is None else None
    _write(books, agreement, failure, donation_id, gone_at)
    if paid_at and paid_at <= books.now:
        books.turn(agreement, paid_at, "active")
        books.pay(agreement, paid_at, donation_id=donation_id)
        return True
    if gone_at and gone_at <= books.now:
        books.turn(agreement, gone_at, "ended", end_reason="payment_failed")
    return False


def _write(
    books: Books,
    agreement: Agreement,
    failure: Failure,
    donation_id: int,
    gone_at: datetime | None,
) -> None:
    """The row as it is now, with the letters that have left."""
    number, failed_at = books.next("dunning"), failure.failed_at
    ended_at = failure.recovered_at or gone_at or books.now
    is_recovered = failure.recovered_at is not None and failure.recovered_at <= books.now
    is_over = ended_at <= books.now
    passed = min(ended_at, books.now) - failed_at
    letters = [day for day in rules.LETTER_DAYS if day * DAY < passed] or [0]
    retries = () if failure.kind == "hard" else RETRY_DAYS
    tried = sum(day * DAY <= passed for day in retries)
    ahead = [failed_at + day * DAY for day in retries if day * DAY > passed]
    came_at = ended_at - timedelta(minutes=4)
    by = failure.recovered_by if is_recovered else None
    last_letter_at = failed_at + letters[-1] * DAY
    next_letter_at = rules.next_letter_at(failed_at, len(letters), last_letter_at)
    books.put(
        "dunning", number, agreement.id, invoice(donation_id), agreement.amount,
        agreement.currency, failure.kind, failure.decline_code, f"pm_seed_{agreement.id:08d}",
        1 + tried, None if is_over or not ahead else ahead[0], failed_at, len(letters),
        None if is_over else next_letter_at, came_at if by == "mail" else None,
        came_at if by == "patron" else None, failure.recovered_at if by else None, by,
        gone_at if is_over else None, failed_at, ended_at if is_over else failed_at,
    )  # fmt: skip
    if ended_at < books.now - 2 * RETRIES:
        return
    mail = MAILS.get(failure.kind, "payment_failed")
    for step, day in enumerate(letters, 1):
        books.sent(agreement.giver, mail, f"dunning:{number}:{step}", failed_at + day * DAY)
    if is_recovered:
        books.sent(agreement.giver, "payment_recovered", f"dunning:{number}", ended_at)
    elif is_over:
        subject = f"subscription:{agreement.id}"
        books.sent(agreement.giver, "support_ended_unpaid", subject, ended_at)
