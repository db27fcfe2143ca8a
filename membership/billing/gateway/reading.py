"""What Stripe says now, as our own snapshots."""

from typing import Any

from membership.billing.gateway import translation
from membership.billing.gateway.client import stripe_client
from membership.billing.gateway.errors import said_in_our_words
from membership.billing.gateway.translation import id_of
from membership.billing.snapshots import (
    CheckoutSession,
    ForeignSubscription,
    FraudWarningSnapshot,
    InvoiceSnapshot,
    PaymentSnapshot,
    SubscriptionSnapshot,
)

# The card that pays is the subscription's own, or else the one its customer pays all with.
CARD = ["default_payment_method", "customer.invoice_settings.default_payment_method"]


def read_checkout_session(session_id: str) -> CheckoutSession:
    with said_in_our_words():
        found = stripe_client().v1.checkout.sessions.retrieve(session_id)
    return translation.checkout_session(found)


def read_subscription(subscription_id: str) -> SubscriptionSnapshot:
    with said_in_our_words():
        found = stripe_client().v1.subscriptions.retrieve(subscription_id, {"expand": CARD})
    return translation.subscription(found)


def read_foreign_subscription(subscription_id: str) -> ForeignSubscription:
    """A subscription that may be none of ours. Raises ValueError for a shape unknown to us."""
    with said_in_our_words():
        found = stripe_client().v1.subscriptions.retrieve(subscription_id, {"expand": CARD})
    return translation.foreign_subscription(found)


def read_invoice(invoice_id: str) -> InvoiceSnapshot:
    with said_in_our_words():
        found = stripe_client().v1.invoices.retrieve(
            invoice_id, {"expand": ["payments.data.payment.payment_intent"]}
        )
    return translation.invoice(found)


def paid_invoices(subscription_id: str) -> list[InvoiceSnapshot]:
    """Every paid invoice of a subscription, newest first."""
    with said_in_our_words():
        found = stripe_client().v1.invoices.list(
            {"subscription": subscription_id, "status": "paid", "expand": ["data.payments"]}
        )
        return [translation.invoice(each) for each in found.auto_paging_iter()]


def payment_of_charge(charge_id: str) -> str | None:
    """The payment intent that a charge belongs to; old ways of paying have none."""
    with said_in_our_words():
        return id_of(stripe_client().v1.charges.retrieve(charge_id).payment_intent)


def payment_of_dispute(dispute_id: str) -> str | None:
    """The payment intent whose charge is disputed."""
    with said_in_our_words():
        return id_of(stripe_client().v1.disputes.retrieve(dispute_id).payment_intent)


def payment_of_refund(refund_id: str) -> str | None:
    """The payment intent of which a part went back."""
    with said_in_our_words():
        return id_of(stripe_client().v1.refunds.retrieve(refund_id).payment_intent)


def invoice_of_payment(payment_id: str) -> str | None:
    """The invoice that a payment intent is to pay; None for a one-time gift."""
    payment: Any = {"type": "payment_intent", "payment_intent": payment_id}
    with said_in_our_words():
        found = stripe_client().v1.invoice_payments.list({"payment": payment})
    return id_of(found.data[0].invoice) if found.data else None


def read_fraud_warning(warning_id: str) -> FraudWarningSnapshot:
    with said_in_our_words():
        found = stripe_client().v1.radar.early_fraud_warnings.retrieve(warning_id)
    return translation.fraud_warning(found)


def customer_of_payment_method(payment_method_id: str) -> str | None:
    """Whose card it is; None for one that was taken off its customer."""
    with said_in_our_words():
        return id_of(stripe_client().v1.payment_methods.retrieve(payment_method_id).customer)


def read_payment(payment_id: str) -> PaymentSnapshot:
    """A payment with everything that was taken back of it."""
    client = stripe_client().v1
    with said_in_our_words():
        found = client.payment_intents.retrieve(
            payment_id,
            {"expand": ["latest_charge.balance_transaction", "latest_charge.refunds"]},
        )
        charge: Any = found.latest_charge
        refunds = charge.refunds.data if charge else []
        if charge and charge.refunds.has_more:
            every = client.refunds.list({"payment_intent": payment_id, "limit": 100})
            refunds = list(every.auto_paging_iter())
        disputes: list[Any] = []
        if charge and charge.disputed:
            every_one = client.disputes.list({"payment_intent": payment_id})
            disputes = list(every_one.auto_paging_iter())
    return translation.payment(found, refunds, disputes)
