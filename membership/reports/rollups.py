"""Daily rollups: rebuilt from the ledger and the donations, never counted up in place.

A day is that of UTC. Refunds and disputes count on their own day, so that a closed month stays
closed; a dispute that was won is taken out of its day again, as a refund that failed is.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Cast, Date, cast, delete, func, select, text
from sqlalchemy.orm import Session

from membership.billing.models import Dispute, Donation, LedgerEntry, Refund
from membership.db import lock
from membership.reports.models import DailyFigures

# A transaction that was open while we last looked may have committed since.
OVERLAP = timedelta(days=2)
BEGINNING = date(1970, 1, 1)

_INSERT = text(
    """
    WITH movement AS (
        SELECT (occurred_at AT TIME ZONE 'UTC')::date AS day, currency,
            sum(amount_minor) FILTER (WHERE movement = 'new') AS new_minor,
            sum(amount_minor) FILTER (WHERE movement = 'expansion') AS expansion_minor,
            sum(amount_minor) FILTER (WHERE movement = 'reactivation') AS reactivation_minor,
            sum(amount_minor) FILTER (WHERE movement = 'contraction') AS contraction_minor,
            sum(amount_minor) FILTER (WHERE movement = 'churn_voluntary')
                AS churn_voluntary_minor,
            sum(amount_minor) FILTER (WHERE movement = 'churn_involuntary')
                AS churn_involuntary_minor,
            count(*) FILTER (WHERE movement IN ('new', 'reactivation')) AS new_patrons,
            count(*) FILTER (WHERE movement IN ('churn_voluntary', 'churn_involuntary'))
                AS lost_patrons
        FROM ledger_entry WHERE occurred_at >= :since GROUP BY 1, 2
    ), flow AS (
        SELECT paid_at AS at, currency, subscription_id IS NULL AS one_time,
            amount_minor AS amount, 1 AS gifts
        FROM donation WHERE paid_at >= :since
        UNION ALL
        SELECT refund.refunded_at, refund.currency, donation.subscription_id IS NULL,
            -refund.amount_minor, 0
        FROM refund JOIN donation ON donation.id = refund.donation_id
        WHERE refund.refunded_at >= :since AND refund.state IN ('pending', 'done')
        UNION ALL
        SELECT disputed_at, currency, subscription_id IS NULL, refunded_minor - amount_minor, 0
        FROM donation WHERE disputed_at >= :since
    ), payment AS (
        SELECT (at AT TIME ZONE 'UTC')::date AS day, currency,
            sum(amount) FILTER (WHERE one_time) AS one_time_minor,
            sum(gifts) FILTER (WHERE one_time) AS one_time_gifts,
            sum(amount) AS received_minor
        FROM flow GROUP BY 1, 2
    )
    INSERT INTO daily_figures (
        day, currency, new_minor, expansion_minor, reactivation_minor, contraction_minor,
        churn_voluntary_minor, churn_involuntary_minor, new_patrons, lost_patrons,
        one_time_minor, one_time_gifts, received_minor, rebuilt_at)
    SELECT day, currency, coalesce(new_minor, 0), coalesce(expansion_minor, 0),
        coalesce(reactivation_minor, 0), coalesce(contraction_minor, 0),
        coalesce(churn_voluntary_minor, 0), coalesce(churn_involuntary_minor, 0),
        coalesce(new_patrons, 0), coalesce(lost_patrons, 0),
        coalesce(one_time_minor, 0), coalesce(one_time_gifts, 0), coalesce(received_minor, 0),
        clock_timestamp()
    FROM movement FULL JOIN payment USING (day, currency)
    """
)


def refresh(session: Session) -> None:
    """Rebuild the days that may have changed since the last time. May run twice at once."""
    lock(session, "daily_figures")
    newest = session.scalar(select(func.max(DailyFigures.rebuilt_at)))
    if newest is None:
        _rebuild_since(session, BEGINNING)
    else:
        _rebuild_since(session, _earliest_change(session, newest - OVERLAP))


def rebuild(session: Session) -> int:
    """Rebuild every day; the number of rows written."""
    lock(session, "daily_figures")
    return _rebuild_since(session, BEGINNING)


def _earliest_change(session: Session, since: datetime) -> date:
    """The earliest day of the facts that were written after `since`, at least that of `since`.

    Stripe may tell us of a payment or a refund days later: what counts is the day it was made.
    """
    # The minimum of a day, not of a time: for that PostgreSQL would walk the index of times.
    facts = (
        select(func.min(_day(LedgerEntry.occurred_at))).where(LedgerEntry.created_at >= since),
        select(func.min(_day(Donation.paid_at))).where(Donation.created_at >= since),
        select(func.min(_day(Refund.refunded_at))).where(Refund.changed_at >= since),
        select(func.min(_day(Dispute.opened_at))).where(Dispute.synced_at >= since),
    )
    days = filter(None, (session.scalar(fact) for fact in facts))
    return min([since.astimezone(UTC).date(), *days])


def _day(at: Any) -> Cast[date]:
    return cast(func.timezone("UTC", at), Date)


def _rebuild_since(session: Session, day: date) -> int:
    session.execute(delete(DailyFigures).where(DailyFigures.day >= day))
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    written = session.execute(_INSERT, {"since": since})
    return written.rowcount  # type: ignore[attr-defined,no-any-return]
