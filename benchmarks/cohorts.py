"""How often a second the retention page reads every cohort of a currency, from monthly rollups.

The limit is one query of the same figures on the ledger: who began in which month, and what of
them stood at the end of each month. Both give the same cohorts.
"""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks._newsroom import MANY, newsroom
from benchmarks._surroundings import application
from benchmarks.mrr_waterfall import a_second
from membership import clock
from membership.db import transaction
from membership.reports.periods import named
from membership.reports.report import Asked
from membership.reports.retention import staying
from membership.reports.retention.cohorts import Change, Cohort, cohorts

GOAL = 200
UNIT = "heat maps/s"
PAIRS = 5
TIMES = 20
CURRENCY = "EUR"

NAIVE = text(
    """
    WITH entry AS (
        SELECT account_id, movement, amount_minor,
            date_trunc('month', occurred_at, 'UTC') AS month,
            min(date_trunc('month', occurred_at, 'UTC')) OVER own AS cohort,
            row_number() OVER (own ORDER BY occurred_at, id) = 1 AS is_first
        FROM ledger_entry WHERE currency = :currency
        WINDOW own AS (PARTITION BY account_id)
    )
    SELECT (cohort AT TIME ZONE 'UTC')::date, (month AT TIME ZONE 'UTC')::date,
        count(*) FILTER (WHERE is_first),
        coalesce(sum(amount_minor) FILTER (WHERE is_first), 0),
        count(*) FILTER (WHERE movement IN ('new', 'reactivation'))
            - count(*) FILTER (WHERE movement IN ('churn_voluntary', 'churn_involuntary')),
        sum(amount_minor)
    FROM entry GROUP BY 1, 2
    """
)


def rounds() -> Iterator[tuple[float, float]]:
    app = application(newsroom(MANY))
    with app.app_context(), transaction() as session:
        today = clock.now().date()
        asked = Asked(today, named("12_months", today, today), CURRENCY, sees_all=True)
        assert staying.all_cohorts(session, asked) == naive(session, asked) != ()
        for _ in range(PAIRS):
            yield (
                a_second(TIMES, lambda: staying.all_cohorts(session, asked)),
                a_second(1, lambda: naive(session, asked)),
            )
    app.extensions["kava.engine"].dispose()


def naive(session: Session, asked: Asked) -> tuple[Cohort, ...]:
    until = staying.last_whole_month(asked)
    found = session.execute(NAIVE, {"currency": asked.currency})
    changes = (Change(cohort, month, *map(int, sums)) for cohort, month, *sums in found)
    return cohorts((each for each in changes if each.month <= until), until)
