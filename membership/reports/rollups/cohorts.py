"""What each month changed for those who began together, in each currency.

Whose an entry is, its subscription says: entries keep the account that they were written for, which
may have been merged into another. A fact that is told late, or a merge, can move an account's
beginning only to a month that is rebuilt too: to that of the fact, or to a later one.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, text
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.models import LedgerEntry
from membership.reports.models import CohortFigures
from membership.reports.rollups.rollup import Rollup, day_of

_FILL = text(
    """
    WITH owned AS NOT MATERIALIZED (
        SELECT subscription.account_id, entry.id, entry.currency, movement, entry.amount_minor,
            occurred_at
        FROM ledger_entry AS entry JOIN subscription ON subscription.id = subscription_id
    ), moved AS (
        SELECT account_id, currency, date_trunc('month', occurred_at, 'UTC') AS month,
            sum(amount_minor) AS mrr_minor,
            count(*) FILTER (WHERE movement IN ('new', 'reactivation'))
                - count(*) FILTER (WHERE movement IN ('churn_voluntary', 'churn_involuntary'))
                AS patrons
        FROM owned
        WHERE occurred_at >= date_trunc('month', CAST(:since AS timestamptz), 'UTC')
        GROUP BY 1, 2, 3
    ), began AS (
        SELECT DISTINCT ON (account_id, currency) account_id, currency,
            date_trunc('month', occurred_at, 'UTC') AS cohort, amount_minor AS began_minor
        FROM owned
        WHERE (account_id, currency) IN (SELECT account_id, currency FROM moved)
        ORDER BY account_id, currency, occurred_at, id
    )
    INSERT INTO cohort_figures (
        currency, cohort, month, began_patrons, began_minor, patrons, mrr_minor)
    SELECT currency, (cohort AT TIME ZONE 'UTC')::date, (month AT TIME ZONE 'UTC')::date,
        count(*) FILTER (WHERE month = cohort),
        coalesce(sum(began_minor) FILTER (WHERE month = cohort), 0),
        sum(patrons), sum(mrr_minor)
    FROM moved JOIN began USING (account_id, currency) GROUP BY currency, cohort, month
    """
)


def _empty(session: Session, day: date) -> Any:
    session.execute(delete(CohortFigures).where(CohortFigures.month >= day.replace(day=1)))


def _written(since: datetime) -> Iterable[Select[date]]:
    day = select(func.min(day_of(LedgerEntry.occurred_at)))
    yield day.where(LedgerEntry.created_at >= since)
    # Nothing before the first entry of an account that went is changed by its merge, nor by
    # those of what had been merged into it.
    into = select(Account.merged_into_id).where(Account.merged_at >= since)
    went = select(Account.id).where(Account.merged_into_id.in_(into))
    yield day.where(LedgerEntry.account_id.in_(went))


ROLLUP = Rollup("cohorts", _empty, _FILL, _written)
