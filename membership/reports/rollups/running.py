"""What runs now, by currency: counted anew each time, so that no page has to.

Also what the ledger sums to, which must be the same as what runs is worth (rule D7).
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, delete, text
from sqlalchemy.orm import Session

from membership.billing.standing import PATRON_STATES
from membership.reports.models import RunningFigures
from membership.reports.rollups.rollup import Rollup

# As billing.revenue.monthly_value() has it: floats are rounded half to even.
WORTH = """
    CASE WHEN collection_paused OR state IN ('incomplete', 'paused', 'ended') THEN 0
        WHEN interval = 'year' THEN round(amount_minor / 12.0::float8)::bigint
        ELSE amount_minor END
"""
# (currency, part, number, minor), as RunningFigures describes them.
PARTS = f"""
    WITH running AS (
        SELECT account_id, currency, interval, amount_minor, {WORTH} AS worth,
            CASE WHEN collection_paused AND state = 'active' THEN 'paused' ELSE state END AS state,
            to_char(current_period_end_at AT TIME ZONE 'UTC', 'YYYY-MM') AS renews
        FROM subscription WHERE state <> 'ended'
    )
    SELECT currency, state AS part, count(*) AS number, sum(worth)::bigint AS minor
    FROM running GROUP BY currency, state
    UNION ALL
    SELECT coalesce(currency, ''), 'patrons', count(DISTINCT account_id), 0
    FROM running WHERE state IN {PATRON_STATES} GROUP BY ROLLUP (currency)
    UNION ALL
    SELECT currency, 'renews', count(*), sum(amount_minor)::bigint
    FROM running WHERE state = 'active' AND interval = 'month' GROUP BY currency
    UNION ALL
    SELECT currency, 'renews ' || renews, count(*), sum(amount_minor)::bigint
    FROM running WHERE state = 'active' AND interval = 'year' GROUP BY currency, renews
    UNION ALL
    SELECT currency, 'ledger', count(*), sum(amount_minor)::bigint
    FROM ledger_entry GROUP BY currency
"""


def _empty(session: Session, _day: date) -> Any:
    session.execute(delete(RunningFigures))


def _written(_since: datetime) -> Iterable[Select[date]]:
    return ()


ROLLUP = Rollup(
    "running_figures",
    _empty,
    text(f"INSERT INTO running_figures (currency, part, number, minor) {PARTS}"),
    _written,
)
