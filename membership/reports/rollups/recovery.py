"""Failed payments and what became of them, all by the day of the failure.

What was recovered is so a part of what failed.
"""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import Select, func, select

from membership.billing.dunning.models import Dunning
from membership.reports.rollups.rollup import Rollup, daily_count, day_of

# Where the bank said nothing.
UNKNOWN = "unknown"

_DECLINE = f"coalesce(decline_code, '{UNKNOWN}')"
# What the facts of each rollup are told apart by, and which of the failed payments they are.
_FACTS = {
    "failed": (_DECLINE, "true"),
    "recovered": (_DECLINE, "recovered_at IS NOT NULL"),
    "given_up": (_DECLINE, "given_up_at IS NOT NULL"),
    "recovered_by": ("recovered_by", "recovered_at IS NOT NULL"),
    # Whole days from the failure to the money.
    "recovery_days": (
        "greatest(0, floor(extract(epoch FROM recovered_at - failed_at) / 86400))::bigint::text",
        "recovered_at IS NOT NULL",
    ),
}


def _written(since: datetime) -> Iterable[Select[date]]:
    yield select(func.min(day_of(Dunning.failed_at))).where(Dunning.changed_at >= since)


def _rollups(name: str, part: str, which: str) -> tuple[Rollup, Rollup]:
    facts = f"""
        SELECT (failed_at AT TIME ZONE 'UTC')::date AS day, currency, {part} AS part,
            1 AS number, amount_minor AS minor
        FROM dunning WHERE failed_at >= :since AND {which}
    """
    return daily_count(name, facts, _written)


ROLLUPS = tuple(each for name, facts in _FACTS.items() for each in _rollups(name, *facts))
