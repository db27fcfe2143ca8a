"""What a line of an export tells, in our words: who supports us there, how much, until when."""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from membership.billing.revenue import MONTHS
from membership.money import InvalidAmountError, Money, parse

# As exports and the spreadsheets that they went through write days; all without a zone are UTC.
DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%Y/%m/%d")


class NotTakenError(ValueError):
    """A line is not taken; `reason` is one of words.REASON, `detail` what it speaks of.

    `ends`: if we know of this support, it is over now.
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
    Without `support`, `refusal` says why.
    """

    line: int
    source_id: str
    email: str
    name: str | None
    support: Support | None = None
    refusal: NotTakenError | None = None
    newsletter: bool | None = None
    stripe_customer_id: str | None = None


def tried(read: Callable[[], Support]) -> tuple[Support | None, NotTakenError | None]:
    """What a line supports us with, or why not."""
    try:
        return read(), None
    except NotTakenError as refusal:
        return None, refusal


def moment(text: str) -> datetime | None:
    """A time or a day of an export; None when it is empty. Raises NotTakenError."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = _day(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _day(text: str) -> datetime:
    for shape in DAYS:
        try:
            return datetime.strptime(text, shape).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise NotTakenError("no_day", text[:40])


def amount(text: str, currency: str) -> Money:
    """An amount with or without the sign of its currency. Raises NotTakenError."""
    digits = text.strip(" $€£₴¥").replace(currency, "").strip()
    try:
        return parse(digits, currency)
    except InvalidAmountError as error:
        raise NotTakenError("no_amount", text[:40]) from error


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
