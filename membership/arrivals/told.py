"""What a line of an export tells, in our words: who supports us there, how much, until when."""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from membership.billing.revenue import MONTHS
from membership.money import InvalidAmountError, Money, parse

# As exports and the spreadsheets that they went through write days; all without a zone are UTC.
DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%Y/%m/%d")
# A day outside of these years is a slip, or not a day at all.
YEARS = range(2000, 2100)
# What was charged on the 28th of February may stand for the 31st of any other month.
CLAMPED = timedelta(days=3)
# Another time zone may be a day ahead of ours.
AHEAD = timedelta(days=1)


class NotTakenError(ValueError):
    """A line is not taken; `reason` is one of words.REASON, `detail` what it speaks of.

    Details are kept, so they are words of ours or of the platform, never a cell as it stands: where
    a line is broken, any cell may hold a name. `ends`: if we know of this support, it is over now.
    """

    def __init__(self, reason: str, detail: str = "", *, ends: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.ends = ends


@dataclass(frozen=True, slots=True)
class Support:
    """What somebody pays elsewhere; `amount` is per `interval`."""

    state: str
    amount: Money
    interval: str
    tier: str | None
    since_at: datetime
    paid_until_at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """One line. `source_id` is what the platform calls the person, else their address.

    `newsletter` is what they said there of letters: True, False, or None when nothing tells.
    `is_unclear`: it should tell, and says neither. Without `support`, `refusal` says why.
    """

    line: int
    source_id: str
    email: str
    name: str | None
    support: Support | None = None
    refusal: NotTakenError | None = None
    newsletter: bool | None = None
    is_unclear: bool = False
    stripe_customer_id: str | None = None


def tried(read: Callable[[], Support]) -> tuple[Support | None, NotTakenError | None]:
    """What a line supports us with, or why not."""
    try:
        return read(), None
    except NotTakenError as refusal:
        # Many are kept for a while, and where each was raised is of no interest.
        return None, refusal.with_traceback(None)


def moment(text: str, heading: str) -> datetime | None:
    """A time or a day of an export; None when it is empty. Raises NotTakenError."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = _day(text, heading)
    if at.year not in YEARS:
        raise NotTakenError("no_day", heading)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def past(text: str, heading: str, now: datetime) -> datetime | None:
    """A moment that cannot be still to come. Raises NotTakenError."""
    at = moment(text, heading)
    if at is not None and at > now + AHEAD:
        raise NotTakenError("to_come", heading)
    return at


def _day(text: str, heading: str) -> datetime:
    for shape in DAYS:
        try:
            return datetime.strptime(text, shape).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise NotTakenError("no_day", heading)


def within(until: datetime, paid_at: datetime, interval: str) -> datetime:
    """The end of what was paid: `until`, but not more than an interval after the last charge.

    Nobody has paid for more, whatever a file says.
    """
    return min(until, later(paid_at, MONTHS[interval]) + CLAMPED)


def amount(text: str, currency: str) -> Money:
    """An amount with or without the sign of its currency. Raises NotTakenError."""
    if not (currency.isascii() and currency.isalpha() and len(currency) == 3):
        raise NotTakenError("no_amount")
    digits = text.strip(" $€£₴¥").replace(currency, "").strip()
    try:
        return parse(digits, currency)
    except InvalidAmountError as error:
        raise NotTakenError("no_amount") from error


def is_yes(text: str) -> bool:
    return text.lower() in {"yes", "true", "1", "t"}


def is_no(text: str) -> bool:
    return text.lower() in {"no", "false", "0", "f"}


def period_end(anchor_at: datetime, interval: str, now: datetime) -> datetime:
    """The end of the period that runs now, counted from `anchor_at`; a day that a month lacks is
    its last one (lesson L8)."""
    number = 1
    if anchor_at < now:
        apart = (now.year - anchor_at.year) * 12 + now.month - anchor_at.month
        number = max(apart // MONTHS[interval], 1)
    while (end := later(anchor_at, number * MONTHS[interval])) <= now:
        number += 1
    return end


def later(at: datetime, months: int) -> datetime:
    """The same day and hour so many months later, or the last day of a shorter month."""
    years, month = divmod(at.month - 1 + months, 12)
    year, month = at.year + years, month + 1
    return at.replace(year=year, month=month, day=min(at.day, monthrange(year, month)[1]))
