"""What stands on a receipt or a statement, as pure rules over donations (rule B18).

A donation belongs to the day on which it was paid, in the newsroom's time zone. What was given
back is taken off the donation it belongs to, whenever that was: a paper says what was given on its
days and is still with us when the paper is issued. So statements over days that do not overlap
never tell of the same money twice.

What the giver's bank takes back is not counted, and the paper says so. Sums are per currency.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any, Literal

MOST_YEARS = 10
# How money came that needs no further word.
ONLINE = "stripe"

Facts = dict[str, Any]
Purpose = Literal["support", "once", "gift", "pool"]
UnfitRange = Literal["backwards", "not over", "too long"]


@dataclass(frozen=True)
class Return:
    """Money that was given back, in minor units of its donation's currency."""

    at: datetime
    minor: int


@dataclass(frozen=True)
class Given:
    """One donation as it stands now; `method` is ONLINE or how staff entered it.

    `returned_minor` is what was given back of it in all, `returned_at` when that began.
    """

    id: int
    paid_at: datetime
    purpose: Purpose
    method: str
    reference: str | None
    minor: int
    currency: str
    returned_minor: int
    returned_at: datetime | None
    returns: tuple[Return, ...]
    is_disputed: bool

    @property
    def is_given_back(self) -> bool:
        return self.returned_minor >= self.minor


def days_of(year: int) -> tuple[date, date]:
    """First and last day of a calendar year."""
    return date(year, 1, 1), date(year, 12, 31)


def year_to_announce(today: date) -> int | None:
    """The year of whose statement its givers are told now; None when it is not the time.

    What was transferred on its last days is still being entered on the first days of the next.
    """
    first, last = date(today.year, 1, 5), date(today.year, 3, 31)
    return today.year - 1 if first <= today <= last else None


def unfit_range(first: date, last: date, today: date) -> UnfitRange | None:
    """Why no statement can be made of these days; None when it can.

    A day that is not over may still bring a donation.
    """
    if last < first:
        return "backwards"
    if last >= today:
        return "not over"
    spanned = (last.year - first.year, last.month, last.day)
    return "too long" if spanned >= (MOST_YEARS, first.month, first.day) else None


def receipt(given: Given, zone: tzinfo) -> Facts:
    """The facts of a receipt, as JSON."""
    return _facts([given], zone)


def statement(donations: Iterable[Given], first: date, last: date, zone: tzinfo) -> Facts:
    """The facts of a statement over the days from `first` to `last`, as JSON; oldest first."""
    within = [each for each in donations if first <= _day(each.paid_at, zone) <= last]
    return _facts(sorted(within, key=lambda each: (each.paid_at, each.id)), zone)


def _facts(donations: list[Given], zone: tzinfo) -> Facts:
    return {
        "gifts": [_gift(each, zone) for each in donations],
        "sums": [
            _sum(currency, [each for each in donations if each.currency == currency])
            for currency in sorted({each.currency for each in donations if not each.is_disputed})
        ],
    }


def _gift(given: Given, zone: tzinfo) -> Facts:
    return {
        "donation": given.id,
        "paid_on": _day(given.paid_at, zone).isoformat(),
        "purpose": given.purpose,
        "method": given.method,
        "reference": given.reference,
        "amount_minor": given.minor,
        "currency": given.currency,
        "is_disputed": given.is_disputed,
        "returns": [
            {"on": _day(each.at, zone).isoformat(), "amount_minor": each.minor}
            for each in _returns(given)
        ],
    }


def _returns(given: Given) -> tuple[Return, ...]:
    """Each return by itself; those that do not add up to what went back stand as one."""
    if sum(each.minor for each in given.returns) == given.returned_minor:
        return tuple(sorted(given.returns, key=lambda each: each.at))
    return (Return(given.returned_at or given.paid_at, given.returned_minor),)


def _sum(currency: str, donations: list[Given]) -> Facts:
    counted = [each for each in donations if not each.is_disputed]
    given = sum(each.minor for each in counted)
    returned = sum(each.returned_minor for each in counted)
    return {
        "currency": currency,
        "given_minor": given,
        "returned_minor": returned,
        "kept_minor": given - returned,
    }


def _day(at: datetime, zone: tzinfo) -> date:
    return at.astimezone(zone).date()
