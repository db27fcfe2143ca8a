"""What Stripe says now, as our own snapshots."""

from datetime import UTC, datetime
from typing import Any

import stripe

from membership.billing.gateway.client import worker_client
from membership.billing.gateway.errors import said_in_our_words
from membership.billing.snapshots import (
    CheckoutSession,
    InvoiceSnapshot,
    PaymentSnapshot,
    SubscriptionSnapshot,
)
from membership.money import Money

# Marks a second subscription of one patron; its value is the time from which money goes back.
SECOND = "kava_second"
# What a dispute may end in that leaves the money with us.
DISPUTES_WITHOUT_LOSS = frozenset({"won", "warning_closed", "prevented"})


def read_checkout_session(session_id: str) -> CheckoutSession:
    with said_in_our_words():
        return checkout_session(worker_client().v1.checkout.sessions.retrieve(session_id))


def read_subscription(subscription_id: str) -> SubscriptionSnapshot:
    with said_in_our_words():
        found = worker_client().v1.subscriptions.retrieve(subscription_id)
    # "items" is also a method of mappings, hence the brackets.
    items = found["items"].data
    details = found.cancellation_details
    amount = sum((item.price.unit_amount or 0) * (item.quantity or 1) for item in items)
    period_end = min(item.current_period_end for item in items)
    # An end set for later than the running period's leaves charges in between.
    ends_soon = found.cancel_at is not None and found.cancel_at <= period_end
    return SubscriptionSnapshot(
        id=found.id,
        checkout=_our_checkout(found.metadata),
        customer_id=_id(found.customer) or "",
        status=found.status,
        amount=Money(amount, found.currency.upper()),
        interval=items[0].price.recurring.interval,
        ends_later=found.cancel_at_period_end or ends_soon,
        collection_paused=found.pause_collection is not None,
        cancellation_reason=details.reason if details else None,
        give_back_from=_since(found.metadata),
        started_at=_moment(found.start_date),
        current_period_end_at=_moment(period_end),
        ended_at=_moment_or_none(found.ended_at),
    )


def read_invoice(invoice_id: str) -> InvoiceSnapshot:
    with said_in_our_words():
        found = worker_client().v1.invoices.retrieve(invoice_id, {"expand": ["payments"]})
    return _invoice(found)


def paid_invoices(subscription_id: str) -> list[InvoiceSnapshot]:
    """Every paid invoice of a subscription, newest first."""
    with said_in_our_words():
        found = worker_client().v1.invoices.list(
            {"subscription": subscription_id, "status": "paid", "expand": ["data.payments"]}
        )
        return [_invoice(each) for each in found.auto_paging_iter()]


def payment_of_charge(charge_id: str) -> str | None:
    """The payment intent that a charge belongs to; old ways of paying have none."""
    with said_in_our_words():
        return _id(worker_client().v1.charges.retrieve(charge_id).payment_intent)


def payment_of_dispute(dispute_id: str) -> str | None:
    """The payment intent whose charge is disputed."""
    with said_in_our_words():
        return _id(worker_client().v1.disputes.retrieve(dispute_id).payment_intent)


def read_payment(payment_id: str) -> PaymentSnapshot:
    with said_in_our_words():
        found = worker_client().v1.payment_intents.retrieve(
            payment_id,
            {"expand": ["latest_charge.balance_transaction", "latest_charge.refunds"]},
        )
        charge: Any = found.latest_charge
        disputed_at = _lost_since(payment_id) if charge and charge.disputed else None
    currency = found.currency.upper()
    settled = charge.balance_transaction if charge else None
    refunds = [each.created for each in charge.refunds.data] if charge else []
    return PaymentSnapshot(
        id=found.id,
        checkout=_our_checkout(found.metadata),
        is_paid=found.status == "succeeded",
        amount=Money(found.amount_received, currency),
        paid_at=_moment(charge.created) if charge else None,
        fee=Money(settled.fee, settled.currency.upper()) if settled else None,
        refunded_minor=charge.amount_refunded if charge else 0,
        refunded_at=_moment(min(refunds)) if refunds and charge.amount_refunded else None,
        disputed_at=disputed_at,
    )


def _lost_since(payment_id: str) -> datetime | None:
    disputes = worker_client().v1.disputes.list({"payment_intent": payment_id}).auto_paging_iter()
    lost = [each.created for each in disputes if each.status not in DISPUTES_WITHOUT_LOSS]
    return _moment(min(lost)) if lost else None


# How Stripe's objects become ours


def checkout_session(found: stripe.checkout.Session) -> CheckoutSession:
    return CheckoutSession(
        id=found.id,
        checkout=_our_checkout(found.metadata),
        url=found.url,
        status=found.status or "",
        is_paid=found.payment_status == "paid",
        subscription_id=_id(found.subscription),
        invoice_id=_id(found.invoice),
        payment_id=_id(found.payment_intent),
    )


def _invoice(found: stripe.Invoice) -> InvoiceSnapshot:
    parent = found.parent.subscription_details if found.parent else None
    payments = (
        [each for each in found.payments.data if each.status == "paid"] if (found.payments) else []
    )
    return InvoiceSnapshot(
        id=found.id,
        subscription_id=_id(parent.subscription) if parent else None,
        is_paid=found.status == "paid",
        amount=Money(found.amount_paid, found.currency.upper()),
        paid_at=_moment_or_none(found.status_transitions.paid_at),
        payment_id=_id(payments[0].payment.payment_intent) if payments else None,
    )


def _our_checkout(metadata: Any) -> str | None:
    """Our id in an object's metadata; None on an object that is not ours (rule B5)."""
    return str(metadata["checkout"]) if metadata and "checkout" in metadata else None


def _since(metadata: Any) -> datetime | None:
    return _moment(int(metadata[SECOND])) if SECOND in metadata else None


def _id(reference: Any) -> str | None:
    """The id of what may be an id, an expanded object, or null."""
    return reference if reference is None or isinstance(reference, str) else str(reference.id)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
