"""The steps from a story to support, as the rollups of joined.py have counted them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, func, select, union_all
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
    """Sums by rollup and step; of each by key (an id as text), and of that by currency."""

    found: Mapping[tuple[str, str], Mapping[str, Mapping[str, Count]]]

    def count(
        self, name: str, step: str, key: str | None = None, currency: str | None = None
    ) -> Count:
        """All of a step, or of one key or currency of it."""
        keys = self.found.get((name, step), {})
        wanted = keys.values() if key is None else [keys.get(key, {})]
        return sum((_of(each, currency) for each in wanted), Count())

    def by_key(self, name: str, step: str, currency: str | None = None) -> dict[str, Count]:
        """A step's counts by key, the most frequent first."""
        keys = self.found.get((name, step), {})
        found = {key: _of(each, currency) for key, each in keys.items()}
        return _ordered({key: count for key, count in found.items() if count.number})

    def by_currency(self, name: str, step: str) -> dict[str, Count]:
        """A step's counts by currency, the most frequent first."""
        found: dict[str, Count] = defaultdict(Count)
        for each in self.found.get((name, step), {}).values():
            for currency, count in each.items():
                found[currency] += count
        return _ordered(found)


def _of(by_currency: Mapping[str, Count], currency: str | None) -> Count:
    if currency is not None:
        return by_currency.get(currency, Count())
    return sum(by_currency.values(), Count())


def _ordered(counts: Mapping[str, Count]) -> dict[str, Count]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1].number, item[0])))


def of_period(session: Session, period: Period) -> Steps:
    """Everything in these days, in one query; whole months are read as such."""
    names = (ARTICLE, ASK, JOINED)
    months = whole_months(period)
    ends = (months[0], months_later(months[-1], 1)) if months else (period.first_day,) * 2
    days, its_name = DailyCount.day, DailyCount.name
    return _read(
        session,
        # One condition for each walk along the key (name, day): joined by OR, all would be read.
        its_name.in_(names) & (days >= period.first_day) & (days < ends[0]),
        its_name.in_(map(in_months, names)) & days.in_(months),
        its_name.in_(names) & (days >= ends[1]) & (days <= period.last_day),
    )


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


def _read(session: Session, *wanted: ColumnElement[bool]) -> Steps:
    what = (DailyCount.name, DailyCount.part, DailyCount.currency)
    sums = (func.sum(DailyCount.number), func.sum(DailyCount.minor))
    parts = (select(*what, *sums).where(each).group_by(*what) for each in wanted)
    rows = session.execute(union_all(*parts))
    found: dict[tuple[str, str], dict[str, dict[str, Count]]] = {}
    for name, part, currency, number, minor in rows:
        step, _colon, key = part.partition(":")
        counts = found.setdefault((DAYS_OF.get(name, name), step), {}).setdefault(key, {})
        counts[currency] = counts.get(currency, Count()) + Count(int(number), int(minor))
    return Steps(found)
