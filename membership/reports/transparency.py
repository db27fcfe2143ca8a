"""Where the money comes from: the figures of the public page.

Of quarters that are over, and rounded: whoever looks every hour, or keeps the page over the years,
must not learn what a single person gives. A quarter's amounts are hidden from everybody
when in none of its months 5 people or more gave (rule S10), and so is whatever they could be told
from.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.discretion import SMALLEST_GROUP
from membership.reports.figures import Figure, hide_small_group
from membership.reports.models import DailyCount, DailyFigures
from membership.reports.periods import DAY, MONTHS_OF_YEAR, months_later, quarter_of
from membership.reports.rollups import givers
from membership.voting import lists

# (currency, first day of the quarter, part) to how many people gave, at least.
Givers = Mapping[tuple[str, date, str], int]


@dataclass(frozen=True)
class Income:
    """What came in during one quarter, in minor units of one currency, less what went back; two
    digits of it."""

    first_day: date
    regular: Figure
    one_time: Figure
    received: Figure

    @property
    def is_hidden(self) -> bool:
        """Whether nothing of it is shown."""
        return self.regular.is_hidden and self.one_time.is_hidden


@dataclass(frozen=True)
class Purse:
    """One currency: `patrons` as the last quarter ended, down to fives; `quarters` descend."""

    currency: str
    patrons: Figure
    quarters: tuple[Income, ...]


@dataclass(frozen=True)
class Books:
    """All that the page shows. `until` is the last day of its figures, None when there are none.

    `patrons` is down to fives, None where there are fewer.
    """

    until: date | None
    patrons: int | None
    purses: tuple[Purse, ...]
    reported: Sequence[lists.Report]


@dataclass(frozen=True)
class _Sums:
    began: date
    patrons: int
    quarters: Mapping[date, tuple[int, int]]  # received and, of it, one-time


def two_digits(minor: int) -> int:
    """An amount, rounded to its first two digits."""
    step: int = 10 ** max(len(str(abs(minor))) - 2, 0)
    nearest = (abs(minor) + step // 2) // step * step
    return nearest if minor > 0 else -nearest


def down_to_fives(people: int) -> int:
    return people - people % SMALLEST_GROUP


def books(session: Session, today: date) -> Books:
    """The last four quarters before that of `today`, in three queries however many give.

    Stories are those of the same time, and of the quarter that is not over: they are public.
    """
    begins = quarter_of(today)
    quarters = [months_later(begins, -back) for back in range(3, MONTHS_OF_YEAR + 1, 3)]
    until = begins - DAY
    found = _sums(session, quarters[-1], until)
    gave = _givers(session, quarters[-1], until)
    ordered = sorted(found.items(), key=lambda item: item[1].patrons, reverse=True)
    purses = tuple(
        Purse(
            currency=currency,
            patrons=_people(sums.patrons),
            quarters=tuple(
                _income(currency, each, sums.quarters.get(each, (0, 0)), gave)
                for each in quarters
                if each >= sums.began
            ),
        )
        for currency, sums in ordered
    )
    since = datetime.combine(quarters[-1], time(), UTC)
    now = datetime.combine(today + DAY, time(), UTC)
    return Books(
        until=until if purses else None,
        patrons=down_to_fives(sum(sums.patrons for sums in found.values())) or None,
        purses=purses,
        reported=lists.reported(session, most=None, between=(since, now)),
    )


def _sums(session: Session, since: date, until: date) -> dict[str, _Sums]:
    """By currency: what stood at the end of `until`, and each quarter's income from `since` on."""
    day = DailyFigures
    quarter = func.date_trunc("quarter", day.day)
    rows = session.execute(
        select(
            day.currency,
            quarter,
            func.sum(day.new_patrons - day.lost_patrons),
            func.sum(day.received_minor),
            func.sum(day.one_time_minor),
        )
        .where(day.day <= until)
        .group_by(day.currency, quarter)
        .order_by(day.currency, quarter)
    )
    began: dict[str, date] = {}
    patrons: dict[str, int] = defaultdict(int)
    income: dict[str, dict[date, tuple[int, int]]] = defaultdict(dict)
    for currency, at, net, received, one_time in rows:
        began.setdefault(currency, at.date())
        patrons[currency] += int(net)
        if at.date() >= since:
            income[currency][at.date()] = int(received), int(one_time)
    return {each: _Sums(first, patrons[each], income[each]) for each, first in began.items()}


def _givers(session: Session, since: date, until: date) -> Givers:
    """How many gave in the month of each quarter in which most did."""
    count = DailyCount
    quarter = func.date_trunc("quarter", count.day)
    rows = session.execute(
        select(count.currency, quarter, count.part, func.max(count.number))
        .where(count.name == givers.NAME, count.day >= since, count.day <= until)
        .group_by(count.currency, quarter, count.part)
    )
    return {(currency, at.date(), part): number for currency, at, part, number in rows}


def _income(currency: str, quarter: date, sums: tuple[int, int], gave: Givers) -> Income:
    received, one_time = sums
    parts = {givers.REGULAR: received - one_time, givers.ONE_TIME: one_time}
    regular, once = (
        _hide(minor, gave.get((currency, quarter, part), 0)) for part, minor in parts.items()
    )
    whole = Figure(
        two_digits(received), denominator=(regular.denominator or 0) + (once.denominator or 0)
    )
    if regular.is_hidden or once.is_hidden:
        # Else what is hidden could be subtracted.
        whole = replace(whole, value=None, computable=False)
    return Income(quarter, regular, once, whole)


def _hide(value: int, people: int) -> Figure:
    """`value`, unless it is that of 1 to 4 people, or of somebody we know nothing of."""
    of_people = max(people, 1) if value else people
    return hide_small_group(Figure(two_digits(value), denominator=of_people))


def _people(number: int) -> Figure:
    return hide_small_group(Figure(down_to_fives(number), denominator=number))
