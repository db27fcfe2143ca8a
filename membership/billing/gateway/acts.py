"""What we ask Stripe to do; what concerns a running agreement stands in agreements.py."""

from datetime import datetime
from typing import Any

from membership.billing.gateway.client import page_client, stripe_client
from membership.billing.gateway.errors import StripeRefusedError, said_in_our_words
from membership.billing.gateway.portal import portal_configuration
from membership.billing.gateway.translation import SECOND, checkout_session
from membership.billing.snapshots import CheckoutRequest, CheckoutSession
from membership.money import Money


def create_checkout_session(request: CheckoutRequest, idempotency_key: str) -> CheckoutSession:
    """A hosted page on which the reader pays (rule B8)."""
    metadata = {"checkout": request.checkout}
    price: dict[str, Any] = {
        "currency": request.amount.currency.lower(),
        "unit_amount": request.amount.minor,
        "product_data": {"name": request.product},
    }
    params: dict[str, Any] = {
        "line_items": [{"price_data": price, "quantity": 1}],
        "submit_type": "donate",
        "client_reference_id": request.checkout,
        "metadata": metadata,
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "locale": request.locale,
    }
    if request.interval is None:
        params |= {"mode": "payment", "payment_intent_data": {"metadata": metadata}}
    else:
        price["recurring"] = {"interval": request.interval}
        # Today's default, named so that another version of Stripe's API changes nothing.
        data = {"metadata": metadata, "billing_mode": {"type": "flexible"}}
        params |= {"mode": "subscription", "subscription_data": data}
    if request.customer_id:
        params["customer"] = request.customer_id
    else:
        params["customer_email"] = request.email
    with said_in_our_words():
        made = page_client().v1.checkout.sessions.create(
            params,  # type: ignore[arg-type]
            {"idempotency_key": idempotency_key},
        )
    return checkout_session(made)


def expire_checkout_session(session_id: str) -> None:
    """Close a payment page that is open; nothing can be paid on it any more."""
    with said_in_our_words():
        stripe_client().v1.checkout.sessions.expire(session_id)


def create_portal_session(
    customer_id: str, return_url: str, locale: str, to_mend_card: bool = False
) -> str:
    """The address of Stripe's page for card, invoices and cancellation (rule B9)."""
    params: dict[str, Any] = {"customer": customer_id, "return_url": return_url, "locale": locale}
    params["configuration"] = portal_configuration()
    if to_mend_card:
        redirect = {"type": "redirect", "redirect": {"return_url": return_url}}
        params["flow_data"] = {"type": "payment_method_update", "after_completion": redirect}
    with said_in_our_words():
        made = page_client().v1.billing_portal.sessions.create(params)  # type: ignore[arg-type]
    return made.url


def mark_ours(subscription_id: str, checkout: str, idempotency_key: str) -> None:
    """Note at Stripe that a subscription which others began is ours from now on (rule B5)."""
    with said_in_our_words():
        stripe_client().v1.subscriptions.update(
            subscription_id,
            {"metadata": {"checkout": checkout}},
            {"idempotency_key": idempotency_key},
        )


def mark_second(subscription_id: str, give_back_from: datetime) -> None:
    """Note at Stripe that a subscription is a second one, which must end (rule B6)."""
    since = str(int(give_back_from.timestamp()))
    with said_in_our_words():
        stripe_client().v1.subscriptions.update(subscription_id, {"metadata": {SECOND: since}})


def delete_customer(customer_id: str) -> None:
    """Delete a customer and their cards at Stripe, which ends what they give; may be repeated."""
    try:
        with said_in_our_words():
            stripe_client().v1.customers.delete(customer_id)
    except StripeRefusedError as error:
        # Gone already.
        if error.code != "resource_missing":
            raise


def set_customer_email(customer_id: str, email: str) -> None:
    """Let Stripe know a customer by this address; one that is deleted there needs none."""
    try:
        with said_in_our_words():
            stripe_client().v1.customers.update(customer_id, {"email": email})
    except StripeRefusedError as error:
        if error.code != "resource_missing":
            raise


def refund(
    payment_id: str, metadata: dict[str, str], idempotency_key: str, amount: Money | None = None
) -> None:
    """Give back `amount` of a payment, as its giver asked; without it, all that is left.

    The latter is for what was taken twice, and the reader sees it called so.
    """
    params: dict[str, Any] = {"payment_intent": payment_id, "metadata": metadata}
    if amount is None:
        params["reason"] = "duplicate"
    else:
        params |= {"reason": "requested_by_customer", "amount": amount.minor}
    with said_in_our_words():
        stripe_client().v1.refunds.create(
            params,  # type: ignore[arg-type]
            {"idempotency_key": idempotency_key},
        )
