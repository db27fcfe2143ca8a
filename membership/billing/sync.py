"""From an event to our rows (rule B3): lock the subject, re-read it from Stripe, write it down.

An event only says where to look. Locks are taken in one order: checkout page or subscription,
then the account's row, then the payment. So any order of events ends in the same rows (L4).
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from membership.billing import donations, gateway, givers, one_live, subscriptions
from membership.billing.lifecycle import LIVE
from membership.billing.models import Checkout, StripeEvent, Subscription
from membership.billing.snapshots import CheckoutSession, SubscriptionSnapshot
from membership.db import lock


def follow(session: Session, event: StripeEvent) -> bool:
    """Bring our rows to what Stripe says of the event's subject now; False when it is not ours.

    Raises the gateway's errors and those of lifecycle; nothing is written then.
    """
    follower = FOLLOWERS.get(event.type)
    if follower is None or event.object_id is None:
        return False
    return follower(session, event.object_id, event)


def _follow_checkout(session: Session, checkout_session_id: str, event: StripeEvent) -> bool:
    lock(session, f"checkout_session:{checkout_session_id}")
    said = gateway.read_checkout_session(checkout_session_id)
    checkout = givers.known_checkout(session, said.checkout)
    if checkout is None:
        return False
    if said.subscription_id:
        sync_subscription(session, said.subscription_id, event.created_at, said.invoice_id)
    elif said.payment_id:
        donations.follow_payment(session, said.payment_id)
    # Last: who holds the subscription's lock and writes of this checkout must not wait for us.
    _close_checkout(session, checkout, said, event)
    return True


def _close_checkout(
    session: Session, checkout: Checkout, said: CheckoutSession, event: StripeEvent
) -> None:
    """Completed is final, whatever else is told later."""
    if said.status == "complete" and said.is_paid:
        state = "completed"
    elif said.status == "expired":
        state = "expired"
    elif event.type == "checkout.session.async_payment_failed":
        state = "failed"
    else:
        return
    completed_at = event.created_at if state == "completed" else None
    session.execute(
        update(Checkout)
        .where(Checkout.id == checkout.id, Checkout.state != "completed")
        .values(
            state=state,
            completed_at=completed_at,
            stripe_session_id=func.coalesce(Checkout.stripe_session_id, said.id),
        )
    )


def _follow_subscription(session: Session, subscription_id: str, event: StripeEvent) -> bool:
    return sync_subscription(session, subscription_id, event.created_at) is not None


def _follow_invoice(session: Session, invoice_id: str, event: StripeEvent) -> bool:
    # Read for its subscription alone; once that is locked, it is read again for what it says.
    subscription_id = gateway.read_invoice(invoice_id).subscription_id
    if subscription_id is None:
        return False
    return sync_subscription(session, subscription_id, event.created_at, invoice_id) is not None


def _follow_charge(session: Session, charge_id: str, event: StripeEvent) -> bool:
    payment_id = gateway.payment_of_charge(charge_id)
    return payment_id is not None and donations.follow_payment(session, payment_id)


def _follow_dispute(session: Session, dispute_id: str, event: StripeEvent) -> bool:
    payment_id = gateway.payment_of_dispute(dispute_id)
    return payment_id is not None and donations.follow_payment(session, payment_id)


def sync_subscription(
    session: Session, stripe_subscription_id: str, at: datetime, invoice_id: str | None = None
) -> Subscription | None:
    """The row of a subscription as Stripe has it now; None when it is not ours (rule B5).

    Holds the locks of the subscription and its account until the transaction ends. A second live
    one of the same patron is ended here (rule B6). `at` is when Stripe told of a change. With
    `invoice_id`, the donation of this invoice is written too.
    """
    lock(session, f"subscription:{stripe_subscription_id}")
    said = gateway.read_subscription(stripe_subscription_id)
    row = subscriptions.find(session, stripe_subscription_id)
    checkout = givers.known_checkout(session, said.checkout)
    if row is not None:
        account = givers.locked(session, row.account_id)
        # Who ended a second one may have changed this row while we waited for the account.
        row = subscriptions.find(session, stripe_subscription_id)
    elif checkout is not None:
        account = givers.account_of(session, checkout)
    else:
        return None
    other = None
    if _comes_to_life(said, row):
        other = one_live.other_live(session, account.id, said.id)
    ending = None
    if other is not None or said.is_second:
        ending = one_live.end_second(session, account, said, row, checkout, other)
        row = ending.subscription
    else:
        row = subscriptions.record(session, said, row, at, account_id=account.id, checkout=checkout)
    if invoice_id is not None:
        donations.follow_invoice(session, invoice_id, row)
    if ending is not None:
        one_live.tell(session, account, ending)
    return row


def _comes_to_life(said: SubscriptionSnapshot, row: Subscription | None) -> bool:
    before = row.state if row is not None else "incomplete"
    return subscriptions.state_of(said) in LIVE and before not in (*LIVE, "ended")


Follower = Callable[[Session, str, StripeEvent], bool]
# Rule B14. Other types are stored and ignored: customers, cards, upcoming invoices and fraud
# warnings change no row of ours (a deleted customer's subscriptions end with events of their own).
FOLLOWERS: dict[str, Follower] = {
    "checkout.session.completed": _follow_checkout,
    "checkout.session.async_payment_succeeded": _follow_checkout,
    "checkout.session.async_payment_failed": _follow_checkout,
    "checkout.session.expired": _follow_checkout,
    "customer.subscription.created": _follow_subscription,
    "customer.subscription.updated": _follow_subscription,
    "customer.subscription.deleted": _follow_subscription,
    "customer.subscription.paused": _follow_subscription,
    "customer.subscription.resumed": _follow_subscription,
    "invoice.paid": _follow_invoice,
    "invoice.payment_failed": _follow_invoice,
    "invoice.payment_action_required": _follow_invoice,
    "invoice.updated": _follow_invoice,
    # The fee of a payment is known only some time after it.
    "charge.updated": _follow_charge,
    "charge.refunded": _follow_charge,
    "charge.dispute.created": _follow_dispute,
    "charge.dispute.closed": _follow_dispute,
}
