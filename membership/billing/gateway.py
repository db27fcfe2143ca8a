"""The one place that speaks with Stripe, through its official client.

Answers are our own snapshots. Every function raises StripeUnavailableError when Stripe cannot be
reached or is not well (try again later; StripeAwayError when this holds for all requests) and
StripeRefusedError when it says no.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import stripe
from flask import current_app

from config.settings import settings
from membership.billing.snapshots import (
    CheckoutRequest,
    CheckoutSession,
    Event,
    InvoiceSnapshot,
    PaymentSnapshot,
    SubscriptionSnapshot,
)
from membership.money import Money

# Rule B13. The shapes read below are this version's; raise it together with the `stripe` package.
API_VERSION = "2026-10-28.endive"
# Seconds to connect and to read, and how often a request is sent again.
WORKER_PATIENCE = ((5.0, 20.0), 2)
# A reader waits. Opening a payment page may take two requests, in all less than the proxy allows
# (config/nginx.conf).
PAGE_PATIENCE = ((2.0, 5.0), 1)
SIGNATURE_TOLERANCE_SECONDS = 300
SECOND = "kava_second"
# Why Stripe refuses: the idempotency key belongs to a request with other contents.
KEY_TAKEN = "idempotency_error"
# What a dispute may end in that leaves the money with us.
DISPUTES_WITHOUT_LOSS = frozenset({"won", "warning_closed", "prevented"})


class StripeUnavailableError(RuntimeError):
    """Stripe cannot be reached, is overloaded, or fails: the same request may work later.

    `answered`: Stripe did answer with a failure, which it replays for the same idempotency key.
    """

    def __init__(self, message: str, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class StripeAwayError(StripeUnavailableError):
    """No request would go through now: no connection, too many requests, or a wrong key."""


class StripeRefusedError(RuntimeError):
    """Stripe understood and said no; `code` and `param` are its own words for why."""

    def __init__(self, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class BadSignatureError(ValueError):
    """The webhook's body was not signed by Stripe with one of our secrets, or too long ago."""


# Giving


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
        params |= {"mode": "subscription", "subscription_data": {"metadata": metadata}}
    if request.customer_id:
        params["customer"] = request.customer_id
    else:
        params["customer_email"] = request.email
    with _said_in_our_words():
        made = _page_client().v1.checkout.sessions.create(
            params,  # type: ignore[arg-type]
            {"idempotency_key": idempotency_key},
        )
    return _checkout_session(made)


def create_portal_session(
    customer_id: str, return_url: str, locale: str, to_mend_card: bool = False
) -> str:
    """The address of Stripe's page for card, invoices and cancellation (rule B9)."""
    params: dict[str, Any] = {"customer": customer_id, "return_url": return_url, "locale": locale}
    if to_mend_card:
        redirect = {"type": "redirect", "redirect": {"return_url": return_url}}
        params["flow_data"] = {"type": "payment_method_update", "after_completion": redirect}
    with _said_in_our_words():
        made = _page_client().v1.billing_portal.sessions.create(params)  # type: ignore[arg-type]
    return made.url


def mark_second(subscription_id: str, give_back_from: datetime) -> None:
    """Note at Stripe that a subscription is a second one, which must end (rule B6)."""
    since = str(int(give_back_from.timestamp()))
    with _said_in_our_words():
        _client().v1.subscriptions.update(subscription_id, {"metadata": {SECOND: since}})


def cancel_subscription(subscription_id: str) -> None:
    """End a subscription now; nothing more is charged."""
    with _said_in_our_words():
        _client().v1.subscriptions.cancel(subscription_id)


def refund(payment_id: str, checkout: str, idempotency_key: str) -> None:
    """Give back what is left of a payment; the reader sees a duplicate returned."""
    with _said_in_our_words():
        _client().v1.refunds.create(
            {
                "payment_intent": payment_id,
                "reason": "duplicate",
                "metadata": {"checkout": checkout},
            },
            {"idempotency_key": idempotency_key},
        )


# Reading


def read_checkout_session(session_id: str) -> CheckoutSession:
    with _said_in_our_words():
        return _checkout_session(_client().v1.checkout.sessions.retrieve(session_id))


def read_subscription(subscription_id: str) -> SubscriptionSnapshot:
    with _said_in_our_words():
        found = _client().v1.subscriptions.retrieve(subscription_id)
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
    with _said_in_our_words():
        found = _client().v1.invoices.retrieve(invoice_id, {"expand": ["payments"]})
    return _invoice(found)


def paid_invoices(subscription_id: str) -> list[InvoiceSnapshot]:
    """Every paid invoice of a subscription, newest first."""
    with _said_in_our_words():
        found = _client().v1.invoices.list(
            {"subscription": subscription_id, "status": "paid", "expand": ["data.payments"]}
        )
        return [_invoice(each) for each in found.auto_paging_iter()]


def payment_of_charge(charge_id: str) -> str | None:
    """The payment intent that a charge belongs to; old ways of paying have none."""
    with _said_in_our_words():
        return _id(_client().v1.charges.retrieve(charge_id).payment_intent)


def payment_of_dispute(dispute_id: str) -> str | None:
    """The payment intent whose charge is disputed."""
    with _said_in_our_words():
        return _id(_client().v1.disputes.retrieve(dispute_id).payment_intent)


def read_payment(payment_id: str) -> PaymentSnapshot:
    with _said_in_our_words():
        found = _client().v1.payment_intents.retrieve(
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
    disputes = _client().v1.disputes.list({"payment_intent": payment_id}).auto_paging_iter()
    lost = [each.created for each in disputes if each.status not in DISPUTES_WITHOUT_LOSS]
    return _moment(min(lost)) if lost else None


# Events


def verified_event(body: bytes, signature: str) -> Event:
    """The event of a webhook's raw body (rule B1). Raises BadSignatureError."""
    for secret in settings().stripe_webhook_secrets:
        try:
            stripe.WebhookSignature.verify_header(
                body, signature, secret, SIGNATURE_TOLERANCE_SECONDS
            )
            return _event(json.loads(body))
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            continue
        except (ValueError, KeyError, TypeError) as error:
            raise BadSignatureError("signed, but no event") from error
    raise BadSignatureError("no secret of ours fits")


def events_since(since: datetime) -> Iterator[Event]:
    """All events that Stripe still has (30 days) from `since` on, newest first."""
    with _said_in_our_words():
        found = _client().v1.events.list({"created": {"gte": int(since.timestamp())}, "limit": 100})
        for each in found.auto_paging_iter():
            yield _event(each.to_dict(for_json=True))


def _event(payload: dict[str, Any]) -> Event:
    if payload["object"] != "event" or not isinstance(payload["data"]["object"], dict):
        raise ValueError("not an event")
    return Event(
        id=str(payload["id"]),
        type=str(payload["type"]),
        created_at=_moment(payload["created"]),
        is_live=bool(payload["livemode"]),
        payload=payload,
    )


# How Stripe's objects become ours


def _checkout_session(found: stripe.checkout.Session) -> CheckoutSession:
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


# The client


def _client() -> stripe.StripeClient:
    """For the worker, which has time."""
    return _built("kava.stripe", *WORKER_PATIENCE)


def _page_client() -> stripe.StripeClient:
    """For what a reader waits for."""
    return _built("kava.stripe.pages", *PAGE_PATIENCE)


def _built(name: str, timeout: tuple[float, float], retries: int) -> stripe.StripeClient:
    """Built once for the application; its connections are kept per thread."""
    found: stripe.StripeClient | None = current_app.extensions.get(name)
    if found is None:
        base = settings().stripe_api_base
        found = current_app.extensions[name] = stripe.StripeClient(
            settings().stripe_secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": base} if base else {},
            max_network_retries=retries,
            http_client=stripe.RequestsClient(timeout=timeout),
        )
    return found


@contextmanager
def _said_in_our_words() -> Iterator[None]:
    try:
        yield
    # A wrong or restricted key is mended by the operator; what waited then goes through.
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.AuthenticationError) as error:
        raise StripeAwayError(str(error)) from error
    except stripe.PermissionError as error:
        raise StripeUnavailableError(str(error)) from error
    except stripe.IdempotencyError as error:
        if error.http_status == 409:
            raise StripeUnavailableError(str(error)) from error
        raise StripeRefusedError(str(error), KEY_TAKEN) from error
    except stripe.InvalidRequestError as error:
        raise StripeRefusedError(str(error), error.code, error.param) from error
    except stripe.StripeError as error:
        if (error.http_status or 500) >= 500:
            raise StripeUnavailableError(str(error), answered=True) from error
        if error.http_status == 409:
            raise StripeUnavailableError(str(error)) from error
        raise StripeRefusedError(str(error), error.code) from error
