"""What pages ask of the daily rollups."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, cast, func, select, types
from sqlalchemy.orm import Session

from membership.reports.models import DailyCount
from membership.reports.report import Asked


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

    found: Mapping[tuple[str, date, str], Count] = field(default_factory=dict)

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


def counts(session: Session, asked: Asked, *names: str) -> Counts:
    """The rollups' facts in the days and the currency that are asked for, in one query."""
    month = month_of(DailyCount.day)
    rows = session.execute(
        select(
            DailyCount.name,
            month,
            DailyCount.part,
            func.sum(DailyCount.number),
            func.sum(DailyCount.minor),
        )
        .where(
            DailyCount.name.in_(names),
            DailyCount.currency == asked.currency,
            DailyCount.day.between(asked.period.first_day, asked.period.last_day),
        )
        .group_by(DailyCount.name, month, DailyCount.part)
    )
    return Counts({(row[0], row[1], row[2]): Count(int(row[3]), int(row[4])) for row in rows})
