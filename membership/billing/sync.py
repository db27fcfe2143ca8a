"""From an event to our rows (rule B3): lock the subject, re-read it from Stripe, write it down.

An event only says where to look. Locks are taken in one order: checkout page or subscription,
then the account's row, then the payment. So any order of events ends in the same rows (L4).
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from membership import clock
from membership.billing import (
    cards,
    disputes,
    donations,
    gateway,
    givers,
    one_live,
    subscriptions,
)
from membership.billing.defence import attempts
from membership.billing.dunning import following
from membership.billing.lifecycle import LIVE
from membership.billing.models import Checkout, StripeEvent, Subscription
from membership.billing.snapshots import CheckoutSession, SubscriptionSnapshot
from membership.db import lock


def follow(session: Session, event: StripeEvent) -> bool:
    """Bring our rows to what Stripe says of the event's subject now; False when it is not ours.

    Raises the gateway's errors and those of lifecycle; nothing is written then.
    """
    follower = FOLLOWERS.get(event.type)
    subject_id = _subject_id(event)
    if follower is None or subject_id is None:
        return False
    return follower(session, subject_id, event)


def _subject_id(event: StripeEvent) -> str | None:
    """The id of what an event is about; an invoice to come has none but its subscription's."""
    if event.type != "invoice.upcoming":
        return event.object_id
    parent = event.payload["data"]["object"].get("parent") or {}
    details = parent.get("subscription_details") or {}
    found: str | None = details.get("subscription")
    return found


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
    closed = session.execute(
        update(Checkout)
        .where(Checkout.id == checkout.id, Checkout.state != "completed")
        .values(
            state=state,
            completed_at=completed_at,
            told_at=clock.now() if state == "completed" else None,
            country=said.country if state == "completed" else None,
            stripe_session_id=func.coalesce(Checkout.stripe_session_id, said.id),
        )
        .returning(Checkout.id)
    )
    if state == "completed" and closed.one_or_none() is not None:
        attempts.paid(session, checkout.email)


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
    return payment_id is not None and sync_payment(session, payment_id, event.created_at)


def _follow_refund(session: Session, refund_id: str, event: StripeEvent) -> bool:
    payment_id = gateway.payment_of_refund(refund_id)
    return payment_id is not None and sync_payment(session, payment_id, event.created_at)


def _follow_dispute(session: Session, dispute_id: str, event: StripeEvent) -> bool:
    payment_id = gateway.payment_of_dispute(dispute_id)
    return payment_id is not None and sync_payment(session, payment_id, event.created_at)


def _follow_fraud_warning(session: Session, warning_id: str, event: StripeEvent) -> bool:
    # Read for its payment alone; once that is locked, it is read again for what it says.
    payment_id = gateway.read_fraud_warning(warning_id).payment_id
    if payment_id is None:
        return False
    if donations.of_payment(session, payment_id) is None:
        # Nothing else of Stripe's leads to a warning: it must find the donation itself.
        invoice_id = gateway.invoice_of_payment(payment_id)
        if invoice_id is not None:
            _follow_invoice(session, invoice_id, event)
    if not sync_payment(session, payment_id, event.created_at):
        return False
    donation = donations.of_payment(session, payment_id)
    if donation is not None:
        disputes.warn(session, donation, gateway.read_fraud_warning(warning_id))
    return True


def _follow_customer(session: Session, customer_id: str, event: StripeEvent) -> bool:
    """For the card that a customer's subscriptions are charged to, and for their end with it."""
    running = subscriptions.running_of_customer(session, customer_id)
    for each in running:
        # All of them before any account, as everybody locks.
        lock(session, f"subscription:{each}")
    for each in running:
        sync_subscription(session, each, event.created_at)
    return bool(running)


def _follow_payment_method(session: Session, payment_method_id: str, event: StripeEvent) -> bool:
    customer_id = gateway.customer_of_payment_method(payment_method_id)
    return customer_id is not None and _follow_customer(session, customer_id, event)


def sync_subscription(
    session: Session,
    stripe_subscription_id: str,
    at: datetime,
    invoice_id: str | None = None,
    payment_id: str | None = None,
) -> Subscription | None:
    """The row of a subscription as Stripe has it now; None when it is not ours (rule B5).

    Holds the locks of the subscription and its account until the transaction ends. A second live
    one of the same patron is ended here (rule B6), one that begins for who asked to be deleted
    (lesson L24), and one whose money a bank took back. `at` is
    when Stripe told of a change. With `invoice_id`, the donation of this invoice is written too;
    with `payment_id`, what became of a donation's payment.
    """
    lock(session, f"subscription:{stripe_subscription_id}")
    said = _read(stripe_subscription_id)
    row = subscriptions.find(session, stripe_subscription_id)
    checkout = givers.known_checkout(session, said.checkout)
    if row is not None:
        seen_at = row.synced_at
        account = givers.kept(session, row.account_id)
        row = subscriptions.find(session, stripe_subscription_id)
        # Who ended a second one may have changed this row while we waited for the account.
        if row is not None and row.synced_at != seen_at:
            said = _read(stripe_subscription_id)
    elif checkout is not None:
        account = givers.account_of(session, checkout)
    else:
        return None
    was_over = row is not None and row.state == "ended"
    other = None
    if _comes_to_life(said, row):
        other = one_live.other_live(session, account.id, said.id)
    if other is not None or said.is_second or (account.is_leaving and _begins(said, row)):
        row = one_live.end_second(session, account, said, row, checkout, other)
    else:
        row = subscriptions.record(session, said, row, at, account_id=account.id, checkout=checkout)
    if invoice_id is not None:
        donations.follow_invoice(session, invoice_id, row)
    if payment_id is not None:
        donations.follow_payment(session, payment_id)
    row = _stop_charging(session, row, checkout)
    if row.state == "ended" and not was_over:
        one_live.collect_elsewhere(session, row)
    following.follow(session, said, row, invoice_id)
    return row


def sync_payment(session: Session, payment_id: str, at: datetime) -> bool:
    """A donation by what became of its payment; False when it is not ours.

    A subscription that runs is synced with it: whoever hears first that a bank took money back
    ends it. Raises what sync_subscription() raises.
    """
    subscription_id = donations.running_subscription_of(session, payment_id)
    if subscription_id is None:
        return donations.follow_payment(session, payment_id)
    sync_subscription(session, subscription_id, at, payment_id=payment_id)
    return True


def _read(stripe_subscription_id: str) -> SubscriptionSnapshot:
    return cards.with_chosen_card(gateway.read_subscription(stripe_subscription_id))


def as_stripe_says(session: Session, row: Subscription) -> Subscription:
    """The row, brought to what Stripe says now; holds its locks as sync_subscription() does."""
    synced = sync_subscription(session, row.stripe_subscription_id, clock.now())
    assert synced is not None, "a subscription with a row is ours"
    return synced


def _stop_charging(session: Session, row: Subscription, checkout: Checkout | None) -> Subscription:
    """End a subscription whose patron's bank took money back; Stripe would go on by itself."""
    if row.state == "ended":
        return row
    reason = disputes.reason_to_end(session, row.id)
    if reason is None:
        return row
    gateway.cancel_subscription(row.stripe_subscription_id, reason)
    said = gateway.read_subscription(row.stripe_subscription_id)
    return subscriptions.record(
        session, said, row, clock.now(), account_id=row.account_id, checkout=checkout
    )


def _comes_to_life(said: SubscriptionSnapshot, row: Subscription | None) -> bool:
    before = row.state if row is not None else "incomplete"
    return subscriptions.state_of(said) in LIVE and before not in (*LIVE, "ended")


def _begins(said: SubscriptionSnapshot, row: Subscription | None) -> bool:
    """It never gave before: all that was paid for it can go back."""
    return _comes_to_life(said, row) and (row is None or row.state == "incomplete")


Follower = Callable[[Session, str, StripeEvent], bool]
# Rule B14. Other types are stored and ignored.
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
    "invoice.upcoming": _follow_subscription,
    # The fee of a payment is known only some time after it.
    "charge.updated": _follow_charge,
    "charge.refunded": _follow_charge,
    # A refund that fails, or is done, later.
    "refund.updated": _follow_refund,
    "refund.failed": _follow_refund,
    "charge.dispute.created": _follow_dispute,
    "charge.dispute.updated": _follow_dispute,
    "charge.dispute.closed": _follow_dispute,
    "radar.early_fraud_warning.created": _follow_fraud_warning,
    "radar.early_fraud_warning.updated": _follow_fraud_warning,
    "customer.updated": _follow_customer,
    "customer.deleted": _follow_customer,
    # The bank has sent out a new card for an old one.
    "payment_method.automatically_updated": _follow_payment_method,
}
# What the webhook must bring: declined cards, too, which are counted as they come (rule B16).
WANTED_EVENTS = frozenset({*FOLLOWERS, "charge.failed"})
