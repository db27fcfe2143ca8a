"""How often a second the overview reads the MRR waterfall of twelve months, from daily rollups.

The limit is one query of the same figure on raw rows: what every change of every subscription made
of its monthly value, and what that is called. Both give the same waterfall, in every currency.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from benchmarks._newsroom import MANY, newsroom
from benchmarks._surroundings import application
from membership import clock
from membership.billing.lifecycle import INVOLUNTARY
from membership.billing.revenue import WORTH_NOTHING
from membership.db import transaction
from membership.reports.models import DailyFigures
from membership.reports.overview import books
from membership.reports.overview.books import Cuts
from membership.reports.periods import Period, named

GOAL = 200
UNIT = "waterfalls/s"
PAIRS = 5
# One of ours takes so little that only many can be measured.
TIMES = 20

NAIVE = text(
    """
    WITH valued AS (
        SELECT changed.id, changed.subscription_id, account_id, changed.currency,
            changed.created_at AS at, to_state = 'ended' AND end_reason = ANY(:involuntary) AS lost,
            CASE
                WHEN to_state = ANY(:worth_nothing) THEN 0
                -- A double rounds half to even, as money does.
                WHEN to_interval = 'year' THEN round((to_amount_minor / 12.0)::float8)::bigint
                ELSE to_amount_minor
            END AS mrr
        FROM subscription_change AS changed
        JOIN subscription ON subscription.id = changed.subscription_id
        WHERE changed.created_at < :until
    ), moved AS (
        SELECT *, lag(mrr, 1, 0::bigint) OVER own AS before,
            count(*) FILTER (WHERE mrr > 0) OVER (
                PARTITION BY account_id ORDER BY at, id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) > 0 AS had_mrr_before
        FROM valued WINDOW own AS (PARTITION BY subscription_id ORDER BY id)
    )
    SELECT currency,
        CASE
            WHEN at < :since THEN 'start'
            WHEN before = 0 THEN CASE WHEN had_mrr_before THEN 'reactivation' ELSE 'new' END
            WHEN mrr = 0 THEN CASE WHEN lost THEN 'churn_involuntary' ELSE 'churn_voluntary' END
            WHEN mrr > before THEN 'expansion'
            ELSE 'contraction'
        END AS step,
        sum(mrr - before)
    FROM moved WHERE mrr <> before GROUP BY 1, 2
    """
)

Waterfalls = dict[str, dict[str, int]]


def rounds() -> Iterator[tuple[float, float]]:
    app = application(newsroom(MANY))
    with app.app_context(), transaction() as session:
        today = clock.now().date()
        beginning = session.scalars(select(DailyFigures.day).order_by(DailyFigures.day)).first()
        period = named("12_months", today, beginning or today)
        assert ours(session, period) == naive(session, period) != {}
        for _ in range(PAIRS):
            yield (
                a_second(TIMES, lambda: ours(session, period)),
                a_second(1, lambda: naive(session, period)),
            )
    app.extensions["kava.engine"].dispose()


def ours(session: Session, period: Period) -> Waterfalls:
    found = books.read(session, Cuts(period.last_day, (period,)))
    return {code: _without_nothing(dict(book.waterfall(period))) for code, book in found.items()}


def naive(session: Session, period: Period) -> Waterfalls:
    values = {
        "since": period.since,
        "until": period.until,
        "involuntary": sorted(INVOLUNTARY),
        "worth_nothing": sorted(WORTH_NOTHING),
    }
    found: Waterfalls = {}
    for currency, step, amount in session.execute(NAIVE, values):
        found.setdefault(currency, {})[step] = int(amount)
    return {
        code: _without_nothing(steps | {"end": sum(steps.values())})
        for code, steps in found.items()
    }


def _without_nothing(steps: dict[str, int]) -> dict[str, int]:
    return {step: amount for step, amount in steps.items() if amount}


def a_second(times: int, act: Callable[[], Any]) -> float:
    """How often `act` can be done in a second."""
    began = time.perf_counter()
    for _ in range(times):
        act()
    return times / (time.perf_counter() - began)
