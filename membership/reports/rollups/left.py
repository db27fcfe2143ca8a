"""Whose support ended, by the day of its end: why it ended, and what they say made them leave.

Worth is what the ledger last took away for it, be it at the end or at the pause before. What was
never paid for was never support.
"""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import Select, func, select

from membership.billing.models import Leaving, Subscription
from membership.reports.rollups.rollup import daily_count, day_of

# Of those who left by their own wish and gave no reason.
UNSAID = "unsaid"

_ENDED = """
    SELECT (subscription.ended_at AT TIME ZONE 'UTC')::date AS day, subscription.currency,
        {part} AS part, 1 AS number, lost.minor
    FROM subscription
    JOIN LATERAL (
        SELECT -amount_minor AS minor FROM ledger_entry
        WHERE subscription_id = subscription.id
            AND movement IN ('churn_voluntary', 'churn_involuntary')
        ORDER BY occurred_at DESC, ledger_entry.id DESC LIMIT 1
    ) AS lost ON true
    {more}
    WHERE subscription.state = 'ended' AND subscription.ended_at >= :since
"""
_WHY = """
    LEFT JOIN leaving ON leaving.subscription_id = subscription.id
"""


def _heard_of_ends(since: datetime) -> Iterable[Select[date]]:
    yield select(func.min(day_of(Subscription.ended_at))).where(
        Subscription.state == "ended", Subscription.synced_at >= since
    )


def _heard_of_reasons(since: datetime) -> Iterable[Select[date]]:
    yield from _heard_of_ends(since)
    yield (
        select(func.min(day_of(Subscription.ended_at)))
        .join(Leaving, Leaving.subscription_id == Subscription.id)
        .where(Subscription.state == "ended", Leaving.changed_at >= since)
    )


ROLLUPS = (
    *daily_count(
        "left",
        _ENDED.format(part="coalesce(subscription.end_reason, 'voluntary')", more=""),
        _heard_of_ends,
    ),
    *daily_count(
        "left_why",
        _ENDED.format(part=f"coalesce(leaving.reason, '{UNSAID}')", more=_WHY)
        + " AND subscription.end_reason = 'voluntary'",
        _heard_of_reasons,
    ),
)
