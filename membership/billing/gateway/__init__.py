"""The one place that speaks with Stripe, through its official client.

Answers are our own snapshots. Every function raises StripeUnavailableError when Stripe cannot be
reached or is not well (try again later; StripeAwayError when this holds for all requests) and
StripeRefusedError when it says no.
"""

from membership.billing.gateway.acts import (
    cancel_subscription,
    create_checkout_session,
    create_portal_session,
    mark_second,
    refund,
)
from membership.billing.gateway.errors import (
    KEY_TAKEN,
    BadSignatureError,
    StripeAwayError,
    StripeRefusedError,
    StripeUnavailableError,
)
from membership.billing.gateway.events import events_since, verified_event
from membership.billing.gateway.reading import (
    paid_invoices,
    payment_of_charge,
    payment_of_dispute,
    read_checkout_session,
    read_invoice,
    read_payment,
    read_subscription,
)

__all__ = [
    "KEY_TAKEN",
    "BadSignatureError",
    "StripeAwayError",
    "StripeRefusedError",
    "StripeUnavailableError",
    "cancel_subscription",
    "create_checkout_session",
    "create_portal_session",
    "events_since",
    "mark_second",
    "paid_invoices",
    "payment_of_charge",
    "payment_of_dispute",
    "read_checkout_session",
    "read_invoice",
    "read_payment",
    "read_subscription",
    "refund",
    "verified_event",
]
