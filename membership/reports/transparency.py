"""Where the money comes from: the figures of the public page.

Of months that are over, and nothing newer: whoever looks at the page every hour must not see a
single gift come in. Amounts of fewer than 5 people are hidden from everybody (rule S10), and so is
whatever they could be told from.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.reports.figures import SMALLEST_GROUP, Figure, hide_small_group
from membership.reports.models import DailyCount, DailyFigures
from membership.reports.periods import MONTHS_OF_YEAR, Period, months_later
from membership.reports.rollups import givers
from membership.voting import lists

# (currency, first day of the month, part) to how many people gave.
Givers = Mapping[tuple[str, date, str], int]
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Income:
    """What came in during one month, in minor units of one currency, less what went back."""

    first_day: date
    regular: Figure
    one_time: Figure
    received: Figure


@dataclass(frozen=True)
class Purse:
    """One currency: `patrons` and `mrr` as the last month ended; `months` descend."""

    currency: str
    patrons: Figure
    mrr: Figure
    months: tuple[Income, ...]


@dataclass(frozen=True)
class Books:
    """All that the page shows. `until` is the last day of its figures, None when there are none.

    `patrons` is None where the sum would tell how few give in some currency.
    """

    until: date | None
    patrons: int | None
    purses: tuple[Purse, ...]
    reported: Sequence[lists.Report]


@dataclass(frozen=True)
class _Sums:
    began: date
    patrons: int
    mrr: int
    months: Mapping[date, tuple[int, int]]  # received and, of it, one-time


def books(session: Session, today: date) -> Books:
    """The last twelve months before that of `today`, in three queries however many give."""
    until = today.replace(day=1) - DAY
    months = Period(months_later(until, 1 - MONTHS_OF_YEAR), until).months
    found = _sums(session, months[0], until)
    gave = _givers(session, months[0], until)
    purses = [
        Purse(
            currency=currency,
            patrons=_hide(sums.patrons, sums.patrons),
            mrr=_hide(sums.mrr, sums.patrons),
            months=tuple(
                _income(currency, month, sums.months.get(month, (0, 0)), gave)
                for month in reversed(months)
                if month >= sums.began
            ),
        )
        for currency, sums in found.items()
    ]
    purses.sort(key=lambda each: found[each.currency].patrons, reverse=True)
    began = datetime.combine(months[0], time(), UTC)
    ended = datetime.combine(until + DAY, time(), UTC)
    return Books(
        until=until if purses else None,
        patrons=_all(purses),
        purses=tuple(purses),
        reported=lists.reported(session, most=None, between=(began, ended)),
    )


def _sums(session: Session, since: date, until: date) -> dict[str, _Sums]:
    """By currency: what stood at the end of `until`, and each month's income from `since` on."""
    day = DailyFigures
    mrr = (
        day.new_minor
        + day.expansion_minor
        + day.reactivation_minor
        + day.contraction_minor
        + day.churn_voluntary_minor
        + day.churn_involuntary_minor
    )
    month = func.date_trunc("month", day.day)
    rows = session.execute(
        select(
            day.currency,
            month,
            func.sum(day.new_patrons - day.lost_patrons),
            func.sum(mrr),
            func.sum(day.received_minor),
            func.sum(day.one_time_minor),
        )
        .where(day.day <= until)
        .group_by(day.currency, month)
        .order_by(day.currency, month)
    )
    began: dict[str, date] = {}
    patrons: dict[str, int] = defaultdict(int)
    worth: dict[str, int] = defaultdict(int)
    income: dict[str, dict[date, tuple[int, int]]] = defaultdict(dict)
    for currency, at, net, moved, received, one_time in rows:
        began.setdefault(currency, at.date())
        patrons[currency] += int(net)
        worth[currency] += int(moved)
        if at.date() >= since:
            income[currency][at.date()] = int(received), int(one_time)
    return {
        each: _Sums(first, patrons[each], worth[each], income[each])
        for each, first in began.items()
    }


def _givers(session: Session, since: date, until: date) -> Givers:
    count = DailyCount
    rows = session.execute(
        select(count.currency, count.day, count.part, count.number).where(
            count.name == givers.NAME, count.day >= since, count.day <= until
        )
    )
    return {(currency, day, part): number for currency, day, part, number in rows}


def _income(currency: str, month: date, sums: tuple[int, int], gave: Givers) -> Income:
    received, one_time = sums
    parts = {givers.REGULAR: received - one_time, givers.ONE_TIME: one_time}
    regular, once = (
        _hide(minor, gave.get((currency, month, part), 0)) for part, minor in parts.items()
    )
    whole = Figure(received, denominator=(regular.denominator or 0) + (once.denominator or 0))
    if regular.is_hidden or once.is_hidden:
        # Else what is hidden could be subtracted.
        whole = replace(whole, value=None, computable=False)
    return Income(month, regular, once, whole)


def _hide(value: int, people: int) -> Figure:
    """`value`, unless it is that of 1 to 4 people, or of somebody we know nothing of."""
    return hide_small_group(Figure(value, denominator=max(people, 1) if value else people))


def _all(purses: Iterable[Purse]) -> int | None:
    counts = [each.patrons for each in purses]
    if any(each.is_hidden for each in counts):
        return None
    total = sum(int(each.value or 0) for each in counts)
    return total if total >= SMALLEST_GROUP else None
