"""What was paid between a subscription's pauses."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.billing.manage import plan
from membership.billing.models import Donation, SubscriptionChange
from membership.billing.standing import taken_back


def insist_on_paid_since_last(session: Session, subscription_id: int) -> None:
    """Raise plan.PausedBeforeError when nothing was paid, and kept, since the last pause began."""
    change = SubscriptionChange
    paused_at = session.scalar(
        select(func.max(change.created_at)).where(
            change.subscription_id == subscription_id,
            change.to_state == "paused",
            change.from_state.is_distinct_from("paused"),
        )
    )
    paid_at = session.scalar(
        select(func.max(Donation.paid_at)).where(
            Donation.subscription_id == subscription_id, ~taken_back()
        )
    )
    plan.insist_on_paid_since_pause(paused_at, paid_at)
