"""What is left of payments after Stripe's fees, as far as they are known in the same currency."""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import Select, func, select

from membership.billing.models import Donation
from membership.reports.rollups.rollup import daily_count, day_of

_KNOWN = """
    SELECT (paid_at AT TIME ZONE 'UTC')::date AS day, currency, said.part, 1 AS number, said.minor
    FROM donation CROSS JOIN LATERAL (
        VALUES ('paid', amount_minor), ('fee', fee_minor)
    ) AS said (part, minor)
    WHERE paid_at >= :since AND fee_minor IS NOT NULL AND fee_currency = currency
"""


def _written(since: datetime) -> Iterable[Select[date]]:
    day = func.min(day_of(Donation.paid_at))
    yield select(day).where(Donation.created_at >= since)
    yield select(day).where(Donation.fee_changed_at >= since)


ROLLUPS = daily_count("margin", _KNOWN, _written)
