"""The one place that speaks with Stripe, through its official client.

Answers are our own snapshots. Every function raises StripeUnavailableError when Stripe cannot be
reached or is not well (try again later; StripeAwayError when this holds for all requests) and
StripeRefusedError when it says no.
"""

from membership.billing.gateway.acts import (
    create_checkout_session,
    create_portal_session,
    delete_customer,
    expire_checkout_session,
    mark_ours,
    mark_second,
    refund,
    set_customer_email,
)
from membership.billing.gateway.agreements import (
    cancel_subscription,
    change_subscription,
    draft_invoice,
    end_subscription_later,
    keep_subscription,
    pause_subscription,
    resume_subscription,
)
from membership.billing.gateway.collecting import collect_again, pay_invoice, use_card, void_invoice
from membership.billing.gateway.errors import (
    KEY_TAKEN,
    BadSignatureError,
    StripeAwayError,
    StripeRefusedError,
    StripeUnavailableError,
)
from membership.billing.gateway.events import verified_event
from membership.billing.gateway.lists import (
    Listed,
    Page,
    all_subscriptions,
    pages,
    payments_of_disputes,
    recent_events,
    recent_invoices,
    recent_payments,
    running_subscriptions,
    undelivered_events,
    webhook_endpoints,
)
from membership.billing.gateway.reading import (
    customer_of_payment_method,
    invoice_of_payment,
    paid_invoices,
    payment_of_charge,
    payment_of_dispute,
    payment_of_refund,
    read_checkout_session,
    read_foreign_subscription,
    read_fraud_warning,
    read_invoice,
    read_payment,
    read_subscription,
)

__all__ = [
    "KEY_TAKEN",
    "BadSignatureError",
    "Listed",
    "Page",
    "StripeAwayError",
    "StripeRefusedError",
    "StripeUnavailableError",
    "all_subscriptions",
    "cancel_subscription",
    "change_subscription",
    "collect_again",
    "create_checkout_session",
    "create_portal_session",
    "customer_of_payment_method",
    "delete_customer",
    "draft_invoice",
    "end_subscription_later",
    "expire_checkout_session",
    "invoice_of_payment",
    "keep_subscription",
    "mark_ours",
    "mark_second",
    "pages",
    "paid_invoices",
    "pause_subscription",
    "pay_invoice",
    "payment_of_charge",
    "payment_of_dispute",
    "payment_of_refund",
    "payments_of_disputes",
    "read_checkout_session",
    "read_foreign_subscription",
    "read_fraud_warning",
    "read_invoice",
    "read_payment",
    "read_subscription",
    "recent_events",
    "recent_invoices",
    "recent_payments",
    "refund",
    "resume_subscription",
    "running_subscriptions",
    "set_customer_email",
    "undelivered_events",
    "use_card",
    "verified_event",
    "void_invoice",
    "webhook_endpoints",
]
