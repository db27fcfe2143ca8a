"""The steps from a story to support, as the rollups of joined.py have counted them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from membership.reports import daily
from membership.reports.daily import Count
from membership.reports.models import DailyCount
from membership.reports.periods import Period
from membership.reports.rollups.joined import ARTICLE, ASK, JOINED
from membership.reports.rollups.rollup import in_months

STEPS = ("read", "ask_seen", "support_page", "checkout", "paid")
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
    """Everything in these days, in one query."""
    return _read(session, *daily.in_days(period, ARTICLE, ASK, JOINED))


def of_asks(session: Session) -> Steps:
    """Every wording's, over all days, in one query."""
    return _read(session, DailyCount.name == in_months(ASK))


def _read(session: Session, *wanted: ColumnElement[bool]) -> Steps:
    found: dict[tuple[str, str], dict[str, dict[str, Count]]] = {}
    sums = daily.sums(session, wanted, DailyCount.part, DailyCount.currency)
    for (name, part, currency), count in sums.items():
        step, _colon, key = part.partition(":")
        found.setdefault((name, step), {}).setdefault(key, {})[currency] = count
    return Steps(found)
