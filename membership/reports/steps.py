"""The steps from a story to support, as the rollups of joined.py have counted them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from membership.reports.daily import Count
from membership.reports.models import DailyCount
from membership.reports.periods import Period, months_later
from membership.reports.rollups.joined import ARTICLE, ASK, JOINED
from membership.reports.rollups.rollup import in_months

STEPS = ("read", "ask_seen", "support_page", "checkout", "paid")
DAYS_OF = {in_months(name): name for name in (ARTICLE, ASK, JOINED)}
# The key of what came from no story, or while no wording was tried.
NONE = "0"


@dataclass(frozen=True)
class Steps:
    """Sums by rollup, step, key (an id as text) and currency ("" where there is none)."""

    found: Mapping[tuple[str, str, str, str], Count]

    def count(
        self, name: str, step: str, key: str | None = None, currency: str | None = None
    ) -> Count:
        """All of a step, or of one key or currency of it."""
        return sum(
            (
                count
                for (its_name, its_step, its_key, its_currency), count in self.found.items()
                if (its_name, its_step) == (name, step)
                and key in (None, its_key)
                and currency in (None, its_currency)
            ),
            Count(),
        )

    def by_key(self, name: str, step: str, currency: str | None = None) -> dict[str, Count]:
        """A step's counts by key, the most frequent first."""
        found: dict[str, Count] = {}
        for (its_name, its_step, key, its_currency), count in self.found.items():
            if (its_name, its_step) == (name, step) and currency in (None, its_currency):
                found[key] = found.get(key, Count()) + count
        return dict(sorted(found.items(), key=lambda item: (-item[1].number, item[0])))


def of_period(session: Session, period: Period) -> Steps:
    """Everything in these days, in one query; whole months are read as such."""
    names = (ARTICLE, ASK, JOINED)
    months = whole_months(period)
    wanted = DailyCount.day.between(period.first_day, period.last_day)
    if months:
        after = months_later(months[-1], 1)
        wanted &= or_(DailyCount.day < months[0], DailyCount.day >= after)
    in_days = DailyCount.name.in_(names) & wanted
    summed = DailyCount.name.in_(map(in_months, names)) & DailyCount.day.in_(months)
    return _read(session, or_(in_days, summed))


def of_asks(session: Session) -> Steps:
    """Every wording's, over all days, in one query."""
    return _read(session, DailyCount.name == in_months(ASK))


def whole_months(period: Period) -> tuple[date, ...]:
    """The first days of the months of which every day is in the period, ascending."""
    after = period.last_day + timedelta(days=1)
    return tuple(
        month
        for month in period.months
        if month >= period.first_day and months_later(month, 1) <= after
    )


def _read(session: Session, wanted: ColumnElement[bool]) -> Steps:
    rows = session.execute(
        select(
            DailyCount.name,
            DailyCount.part,
            DailyCount.currency,
            func.sum(DailyCount.number),
            func.sum(DailyCount.minor),
        )
        .where(wanted)
        .group_by(DailyCount.name, DailyCount.part, DailyCount.currency)
    )
    found: dict[tuple[str, str, str, str], Count] = defaultdict(Count)
    for name, part, currency, number, minor in rows:
        step, _colon, key = part.partition(":")
        place = (DAYS_OF.get(name, name), step, key, currency)
        found[place] += Count(int(number), int(minor))
    return Steps(found)
