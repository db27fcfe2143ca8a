"""From a subscription's row to the agreement that the rules of plan.py speak of."""

from membership.billing.manage.plan import Agreement
from membership.billing.models import Subscription
from membership.money import Money


def agreement_of(row: Subscription) -> Agreement:
    return Agreement(
        state=row.state,
        amount=Money(row.amount_minor, row.currency),
        interval=row.interval,
        period_end_at=row.current_period_end_at,
        anchor_at=row.anchor_at or row.started_at,
        resumes_at=row.resumes_at,
    )
