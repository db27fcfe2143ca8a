"""What we ask Stripe to do with a running agreement. All of it may be asked again and again."""

import hashlib
from datetime import datetime
from typing import Any

from membership.billing.gateway.client import stripe_client
from membership.billing.gateway.errors import StripeRefusedError, said_in_our_words
from membership.billing.gateway.translation import cancellation_details
from membership.money import Money

MISSING, TAKEN = "resource_missing", "resource_already_exists"


def draft_invoice(subscription_id: str) -> str | None:
    """The invoice of a period that has just begun; Stripe charges it an hour after making it.

    Others, which shall not be charged, Stripe keeps for ever.
    """
    with said_in_our_words():
        found = stripe_client().v1.invoices.list(
            {"subscription": subscription_id, "status": "draft", "limit": 10}
        )
    return next((each.id for each in found.data if each.auto_advance), None)


def change_subscription(
    subscription_id: str, amount: Money, interval: str, product: str, first_charge_at: datetime
) -> None:
    """Another amount or interval from the next charge on; nothing is charged or credited now.

    `first_charge_at` is the end of the running period. `product` is the name on the invoice.
    Another interval would begin, and be charged, at once; so the rest of the period is a trial for
    Stripe (docs.stripe.com/billing/subscriptions/billing-cycle). It says that it refuses one that
    ends more than two years after billing_cycle_anchor, and an anchor of ours before its end.
    """
    client = stripe_client().v1
    with said_in_our_words():
        found = client.subscriptions.retrieve(subscription_id)
        # "items" is also a method of mappings, hence the brackets.
        item = found["items"].data[0]
        price = {
            "currency": amount.currency.lower(),
            "unit_amount": amount.minor,
            "product": _product(product),
            "recurring": {"interval": interval},
        }
        params: dict[str, Any] = {
            "items": [{"id": item.id, "price_data": price}],
            "proration_behavior": "none",
        }
        if item.price.recurring.interval != interval:
            params["trial_end"] = int(first_charge_at.timestamp())
        client.subscriptions.update(subscription_id, params)  # type: ignore[arg-type]


def _product(name: str) -> str:
    """The id of the product called `name`, made if need be; its id follows from its name."""
    product_id = f"kava_{hashlib.sha256(name.encode()).hexdigest()[:20]}"
    products = stripe_client().v1.products
    try:
        with said_in_our_words():
            return products.retrieve(product_id).id
    except StripeRefusedError as error:
        if error.code != MISSING:
            raise
    try:
        with said_in_our_words():
            return products.create({"id": product_id, "name": name}).id
    except StripeRefusedError as error:
        # Somebody else was faster.
        if error.code != TAKEN:
            raise
    return product_id


def pause_subscription(subscription_id: str, resumes_at: datetime) -> None:
    """Charge nothing that falls due before `resumes_at`; what was skipped is not owed."""
    pause = {"behavior": "void", "resumes_at": int(resumes_at.timestamp())}
    _update(subscription_id, {"pause_collection": pause})


def resume_subscription(subscription_id: str) -> None:
    """Charge again from the next period on."""
    _update(subscription_id, {"pause_collection": ""})


def end_subscription_later(subscription_id: str, reason: str | None = None) -> None:
    """End it with the running period; nothing more is charged (rule B10).

    `reason` is ours (lifecycle.OURS) when it is not the patron's own wish; Stripe keeps it.
    """
    details = cancellation_details(reason)
    _update(subscription_id, {"cancel_at_period_end": True, "cancellation_details": details})


def keep_subscription(subscription_id: str) -> None:
    """Take back the end that was set, whichever way it was set."""
    details = cancellation_details(None)
    found = _update(
        subscription_id, {"cancel_at_period_end": False, "cancellation_details": details}
    )
    if found.cancel_at is not None:
        _update(subscription_id, {"cancel_at": ""})


def cancel_subscription(subscription_id: str, reason: str | None = None) -> None:
    """End a subscription now, whatever its state; nothing more is charged.

    Stripe would still charge the draft of a period that has just begun: it stops finalized
    invoices alone (docs.stripe.com/billing/subscriptions/cancel). It keeps our `reason`
    (lifecycle.OURS), so that whoever reads it later knows it as well.
    """
    draft = draft_invoice(subscription_id)
    params: Any = {"cancellation_details": cancellation_details(reason)}
    with said_in_our_words():
        if draft is not None:
            stripe_client().v1.invoices.update(draft, {"auto_advance": False})
        stripe_client().v1.subscriptions.cancel(subscription_id, params)


def _update(subscription_id: str, params: dict[str, Any]) -> Any:
    with said_in_our_words():
        return stripe_client().v1.subscriptions.update(subscription_id, params)  # type: ignore[arg-type]
