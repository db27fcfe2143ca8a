"""What becomes of the support that was there when its month began: by day, so that a month may be
cut short (rule D2).

"left" are those who left or paused, with what was left of their start; "less" is what others took
from it; "more" is what they give above it, and falls when they leave. Whoever comes back, or gives
more again, has kept no more than the least of the month; who came within the month is not in it. So
start − left − less is never below 0, nor is it with "more".
"""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import Select, func, select

from membership.billing.models import LedgerEntry
from membership.reports.rollups.rollup import daily_count, day_of

NAME = "kept"
LEFT, LESS, MORE = "left", "less", "more"

_FACTS = f"""
    WITH moved AS (
        SELECT subscription_id, currency, occurred_at, id, amount_minor,
            date_trunc('month', occurred_at, 'UTC') AS month,
            sum(amount_minor) OVER (
                PARTITION BY subscription_id ORDER BY occurred_at, id) AS worth
        FROM ledger_entry WHERE subscription_id IN (
            SELECT subscription_id FROM ledger_entry
            WHERE occurred_at >= date_trunc('month', CAST(:since AS timestamptz), 'UTC')
        )
    ), of_month AS (
        SELECT *, first_value(worth - amount_minor) OVER so_far AS start,
            min(worth) OVER so_far AS least
        FROM moved WHERE month >= date_trunc('month', CAST(:since AS timestamptz), 'UTC')
        WINDOW so_far AS (PARTITION BY subscription_id, month ORDER BY occurred_at, id)
    ), of_start AS (
        SELECT *, least(start, least) AS kept,
            CASE WHEN least > 0 THEN worth - least(start, least) ELSE 0 END AS above
        FROM of_month WHERE start > 0
    ), step AS (
        SELECT occurred_at, currency, kept, above,
            lag(kept, 1, start) OVER so_far AS kept_before,
            lag(above, 1, 0::numeric) OVER so_far AS above_before
        FROM of_start
        WINDOW so_far AS (PARTITION BY subscription_id, month ORDER BY occurred_at, id)
    )
    SELECT (occurred_at AT TIME ZONE 'UTC')::date AS day, currency, what.part, what.number,
        what.minor
    FROM step CROSS JOIN LATERAL (VALUES
        ('{LEFT}', 1, CASE WHEN kept = 0 THEN kept_before END),
        ('{LESS}', 0, CASE WHEN kept > 0 THEN kept_before - kept END),
        ('{MORE}', 0, above - above_before)
    ) AS what (part, number, minor)
    WHERE occurred_at >= :since AND what.minor <> 0
"""


def _written(since: datetime) -> Iterable[Select[date]]:
    yield select(func.min(day_of(LedgerEntry.occurred_at))).where(LedgerEntry.created_at >= since)


ROLLUPS = daily_count(NAME, _FACTS, _written)
