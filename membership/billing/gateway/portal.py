"""What Stripe's portal lets a patron do: card, invoices and cancellation only (rule B9)."""

import hashlib
import json
from typing import Any

from membership.billing.gateway.client import page_client
from membership.billing.gateway.errors import said_in_our_words

# Amounts are changed on our own pages, whose preview comes true; there, too, is asked why
# somebody leaves.
FEATURES: dict[str, Any] = {
    "customer_update": {"enabled": False},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
    "subscription_update": {"enabled": False},
}
MARK = "kava_portal"
VERSION = hashlib.sha256(json.dumps(FEATURES, sort_keys=True).encode()).hexdigest()[:16]


def portal_configuration() -> str:
    """The id of the configuration with our FEATURES, made at first use.

    Stripe keeps it, found by its mark: two who make it at once make the same one.
    """
    configurations = page_client().v1.billing_portal.configurations
    with said_in_our_words():
        kept = configurations.list({"active": True, "limit": 100})
        for each in kept.data:
            if each.metadata and MARK in each.metadata and each.metadata[MARK] == VERSION:
                return each.id
        made = configurations.create(
            {"features": FEATURES, "metadata": {MARK: VERSION}},  # type: ignore[typeddict-item]
            {"idempotency_key": f"{MARK}:{VERSION}"},
        )
    return made.id
