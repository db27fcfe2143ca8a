"""The steps from a story to support, as the rollups of joined.py have counted them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.reports.daily import Count
from membership.reports.models import DailyCount
from membership.reports.periods import Period
from membership.reports.rollups.joined import ARTICLE, ASK, JOINED

STEPS = ("read", "ask_seen", "support_page", "checkout", "paid")
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
    """Everything in these days, in one query."""
    return _read(session, (ARTICLE, ASK, JOINED), period.first_day, period.last_day)


def of_asks(session: Session) -> Steps:
    """Every wording's, over all days, in one query."""
    return _read(session, (ASK,), date.min, date.max)


def _read(session: Session, names: tuple[str, ...], first: date, last: date) -> Steps:
    rows = session.execute(
        select(
            DailyCount.name,
            DailyCount.part,
            DailyCount.currency,
            func.sum(DailyCount.number),
            func.sum(DailyCount.minor),
        )
        .where(DailyCount.name.in_(names), DailyCount.day.between(first, last))
        .group_by(DailyCount.name, DailyCount.part, DailyCount.currency)
    )
    found = {}
    for name, part, currency, number, minor in rows:
        step, _colon, key = part.partition(":")
        found[name, step, key, currency] = Count(int(number), int(minor))
    return Steps(found)
