"""What each day changed in each currency: MRR movements, patrons, income, fees.

Refunds and disputes count on their own day, so that a closed month stays closed; a dispute that
was won is taken out of its day again, as a refund that failed is. A fee counts on the day of its
payment, in the currency in which it was taken.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, text
from sqlalchemy.orm import Session

from membership.billing.models import Dispute, Donation, LedgerEntry, Refund
from membership.reports.models import DailyFigures
from membership.reports.rollups.rollup import Rollup, day_of

_FILL = text(
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
        SELECT paid_at AS at, donation.currency, subscription_id IS NULL AS one_time,
            donation.amount_minor AS amount, 1 AS gifts, provider = 'stripe' AS charged,
            fee_minor IS NOT NULL AS with_fee, paid_at > started_at + interval '1 day' AS renews
        FROM donation LEFT JOIN subscription ON subscription.id = subscription_id
        WHERE paid_at >= :since
        UNION ALL
        SELECT refund.refunded_at, refund.currency, donation.subscription_id IS NULL,
            -refund.amount_minor, 0, false, false, false
        FROM refund JOIN donation ON donation.id = refund.donation_id
        WHERE refund.refunded_at >= :since AND refund.state IN ('pending', 'done')
        UNION ALL
        SELECT disputed_at, currency, subscription_id IS NULL, refunded_minor - amount_minor, 0,
            false, false, false
        FROM donation WHERE disputed_at >= :since
    ), payment AS (
        SELECT (at AT TIME ZONE 'UTC')::date AS day, currency,
            sum(amount) FILTER (WHERE one_time) AS one_time_minor,
            sum(gifts) FILTER (WHERE one_time) AS one_time_gifts,
            sum(amount) AS received_minor,
            count(*) FILTER (WHERE charged) AS payments,
            count(*) FILTER (WHERE charged AND with_fee) AS payments_with_fee,
            count(*) FILTER (WHERE renews) AS renewals
        FROM flow GROUP BY 1, 2
    ), fee AS (
        SELECT (paid_at AT TIME ZONE 'UTC')::date AS day, fee_currency AS currency,
            sum(fee_minor) AS fee_minor, count(*) AS fees
        FROM donation
        WHERE paid_at >= :since AND provider = 'stripe' AND fee_minor IS NOT NULL
            AND fee_currency IS NOT NULL
        GROUP BY 1, 2
    )
    INSERT INTO daily_figures (
        day, currency, new_minor, expansion_minor, reactivation_minor, contraction_minor,
        churn_voluntary_minor, churn_involuntary_minor, new_patrons, lost_patrons,
        one_time_minor, one_time_gifts, received_minor,
        payments, payments_with_fee, renewals, fee_minor, fees, rebuilt_at)
    SELECT day, currency, coalesce(new_minor, 0), coalesce(expansion_minor, 0),
        coalesce(reactivation_minor, 0), coalesce(contraction_minor, 0),
        coalesce(churn_voluntary_minor, 0), coalesce(churn_involuntary_minor, 0),
        coalesce(new_patrons, 0), coalesce(lost_patrons, 0),
        coalesce(one_time_minor, 0), coalesce(one_time_gifts, 0), coalesce(received_minor, 0),
        coalesce(payments, 0), coalesce(payments_with_fee, 0), coalesce(renewals, 0),
        coalesce(fee_minor, 0), coalesce(fees, 0), day::timestamp AT TIME ZONE 'UTC'
    FROM movement FULL JOIN payment USING (day, currency) FULL JOIN fee USING (day, currency)
    """
)


def _empty(session: Session, day: date) -> Any:
    session.execute(delete(DailyFigures).where(DailyFigures.day >= day))


def _written(since: datetime) -> Iterable[Select[date]]:
    yield select(func.min(day_of(LedgerEntry.occurred_at))).where(LedgerEntry.created_at >= since)
    yield select(func.min(day_of(Donation.paid_at))).where(Donation.created_at >= since)
    yield select(func.min(day_of(Donation.paid_at))).where(Donation.fee_changed_at >= since)
    yield select(func.min(day_of(Refund.refunded_at))).where(Refund.changed_at >= since)
    yield select(func.min(day_of(Dispute.opened_at))).where(Dispute.synced_at >= since)


ROLLUP = Rollup("daily_figures", _empty, _FILL, _written)
