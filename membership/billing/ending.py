"""Ending a subscription: by its patron's wish or by staff; with the paid period, or at once."""

from sqlalchemy.orm import Session

from membership.billing import gateway, sync
from membership.billing.manage import plan
from membership.billing.models import Subscription


class NothingToEndError(RuntimeError):
    """It is over already, or ends with the period as is wished."""


def ask(row: Subscription, *, at_once: bool = False, reason: str | None = None) -> None:
    """Ask Stripe to end what runs, with the paid period unless `at_once`.

    What is not paid yet is not charged any more: it ends at once. `reason` is one of
    lifecycle.OURS when it is not the patron's own wish. The subscription must have been synced in
    this transaction, and needs to be again.
    """
    subscription_id = row.stripe_subscription_id
    at_once = at_once or row.state in plan.ENDS_AT_ONCE
    if at_once or (row.state == "active" and gateway.draft_invoice(subscription_id) is not None):
        gateway.cancel_subscription(subscription_id, reason)
    else:
        gateway.end_subscription_later(subscription_id, reason)


def by_staff(session: Session, subscription_id: int, *, at_once: bool) -> Subscription:
    """End a patron's subscription for them; the row as Stripe then has it.

    Raises NothingToEndError and the gateway's errors.
    """
    row = sync.as_stripe_says(session, session.get_one(Subscription, subscription_id))
    if row.state == "ended" or (row.state == "cancel_scheduled" and not at_once):
        raise NothingToEndError(f"the subscription is {row.state}")
    ask(row, at_once=at_once, reason="staff")
    return sync.as_stripe_says(session, row)
