"""What Stripe says now, as our own snapshots."""

from datetime import datetime
from typing import Any

from membership.billing.gateway import translation
from membership.billing.gateway.client import worker_client
from membership.billing.gateway.errors import said_in_our_words
from membership.billing.gateway.translation import id_of, moment
from membership.billing.snapshots import (
    CheckoutSession,
    InvoiceSnapshot,
    PaymentSnapshot,
    SubscriptionSnapshot,
)

# What a dispute may end in that leaves the money with us.
DISPUTES_WITHOUT_LOSS = frozenset({"won", "warning_closed", "prevented"})
# The card that pays is the subscription's own, or else the one its customer pays all with.
CARD = ["default_payment_method", "customer.invoice_settings.default_payment_method"]


def read_checkout_session(session_id: str) -> CheckoutSession:
    with said_in_our_words():
        found = worker_client().v1.checkout.sessions.retrieve(session_id)
    return translation.checkout_session(found)


def read_subscription(subscription_id: str) -> SubscriptionSnapshot:
    with said_in_our_words():
        found = worker_client().v1.subscriptions.retrieve(subscription_id, {"expand": CARD})
    return translation.subscription(found)


def read_invoice(invoice_id: str) -> InvoiceSnapshot:
    with said_in_our_words():
        found = worker_client().v1.invoices.retrieve(
            invoice_id, {"expand": ["payments.data.payment.payment_intent"]}
        )
    return translation.invoice(found)


def paid_invoices(subscription_id: str) -> list[InvoiceSnapshot]:
    """Every paid invoice of a subscription, newest first."""
    with said_in_our_words():
        found = worker_client().v1.invoices.list(
            {"subscription": subscription_id, "status": "paid", "expand": ["data.payments"]}
        )
        return [translation.invoice(each) for each in found.auto_paging_iter()]


def payment_of_charge(charge_id: str) -> str | None:
    """The payment intent that a charge belongs to; old ways of paying have none."""
    with said_in_our_words():
        return id_of(worker_client().v1.charges.retrieve(charge_id).payment_intent)


def payment_of_dispute(dispute_id: str) -> str | None:
    """The payment intent whose charge is disputed."""
    with said_in_our_words():
        return id_of(worker_client().v1.disputes.retrieve(dispute_id).payment_intent)


def read_payment(payment_id: str) -> PaymentSnapshot:
    with said_in_our_words():
        found = worker_client().v1.payment_intents.retrieve(
            payment_id,
            {"expand": ["latest_charge.balance_transaction", "latest_charge.refunds"]},
        )
        charge: Any = found.latest_charge
        disputed_at = _lost_since(payment_id) if charge and charge.disputed else None
    return translation.payment(found, disputed_at)


def _lost_since(payment_id: str) -> datetime | None:
    disputes = worker_client().v1.disputes.list({"payment_intent": payment_id}).auto_paging_iter()
    lost = [each.created for each in disputes if each.status not in DISPUTES_WITHOUT_LOSS]
    return moment(min(lost)) if lost else None
