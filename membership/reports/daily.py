"""What pages ask of the daily rollups."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, cast, func, select, types, union_all
from sqlalchemy.orm import Session

from membership.reports.models import DailyCount
from membership.reports.periods import Period, months_later
from membership.reports.report import Asked
from membership.reports.rollups.rollup import in_months, name_of


@dataclass(frozen=True)
class Count:
    """How many facts, and their worth in minor units."""

    number: int = 0
    minor: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.number + other.number, self.minor + other.minor)


@dataclass(frozen=True)
class Counts:
    """Of some rollups: by name, month and part."""

    found: Mapping[tuple[Any, ...], Count] = field(default_factory=dict)

    def total(self, name: str, month: date | None = None, part: str | None = None) -> Count:
        """All of a rollup, or of one month or one part of it."""
        return self._totals.get((name, month, part), Count())

    @cached_property
    def _totals(self) -> Mapping[tuple[str, date | None, str | None], Count]:
        totals: dict[tuple[str, date | None, str | None], Count] = defaultdict(Count)
        for (name, month, part), count in self.found.items():
            for asked_for in product((name,), (None, month), (None, part)):
                totals[asked_for] += count
        return totals

    def by_part(self, name: str) -> dict[str, Count]:
        """A rollup's parts, the most frequent first."""
        parts: dict[str, Count] = defaultdict(Count)
        for (its_name, _month, part), count in self.found.items():
            if its_name == name:
                parts[part] += count
        return dict(sorted(parts.items(), key=lambda item: (-item[1].number, item[0])))


def month_of(day: Any) -> ColumnElement[date]:
    """SQL: the first day of a day's month."""
    # Without a zone: PostgreSQL would look up its offset for every day.
    return cast(func.date_trunc("month", cast(day, types.DateTime)), types.Date)


def in_days(period: Period, *names: str) -> tuple[ColumnElement[bool], ...]:
    """SQL: in which rows the facts of these days are: those of whole months, and of single days.

    One condition for each walk along the key (name, day): joined by OR, all would be read.
    """
    months = period.whole_months
    ends = (months[0], months_later(months[-1], 1)) if months else (period.first_day,) * 2
    name, day = DailyCount.name, DailyCount.day
    return (
        name.in_(names) & (day >= period.first_day) & (day < ends[0]),
        name.in_(map(in_months, names)) & day.in_(months),
        name.in_(names) & (day >= ends[1]) & (day <= period.last_day),
    )


def sums(
    session: Session, wanted: Iterable[ColumnElement[bool]], *by: Any
) -> dict[tuple[Any, ...], Count]:
    """What the wanted rows come to, by the name of the rollup and the columns `by`; one query."""
    keys = (DailyCount.name, *by)
    added = (func.sum(DailyCount.number), func.sum(DailyCount.minor))
    parts = (select(*keys, *added).where(each).group_by(*keys) for each in wanted)
    found: dict[tuple[Any, ...], Count] = defaultdict(Count)
    for name, *of, number, minor in session.execute(union_all(*parts)):
        found[name_of(name), *of] += Count(int(number), int(minor))
    return found


def counts(session: Session, asked: Asked, *names: str) -> Counts:
    """The rollups' facts in the days and the currency that are asked for, in one query."""
    ours = DailyCount.currency == asked.currency
    wanted = [each & ours for each in in_days(asked.period, *names)]
    return Counts(sums(session, wanted, month_of(DailyCount.day), DailyCount.part))
