"""How Stripe's objects, in the shapes of the pinned version (rule B13), become our snapshots."""

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import stripe

from membership.billing.snapshots import (
    Card,
    CheckoutSession,
    DisputeSnapshot,
    Failure,
    ForeignSubscription,
    FraudWarningSnapshot,
    InvoiceSnapshot,
    PaymentSnapshot,
    RefundSnapshot,
    SubscriptionSnapshot,
)
from membership.money import Money

# Marks a second subscription of one patron; its value is the time from which money goes back.
SECOND = "kava_second"
# Goes before our own reason in the comment of a cancellation; readers' comments come without it.
OUR_REASON = "kava: "
COUNTRY = re.compile("[A-Za-z]{2}")


def checkout_session(found: stripe.checkout.Session) -> CheckoutSession:
    return CheckoutSession(
        id=found.id,
        checkout=_our_checkout(found.metadata),
        url=found.url,
        status=found.status or "",
        is_paid=found.payment_status == "paid",
        subscription_id=id_of(found.subscription),
        invoice_id=id_of(found.invoice),
        payment_id=id_of(found.payment_intent),
        country=_country(found),
    )


def _country(found: stripe.checkout.Session) -> str | None:
    """Nothing finer of the address is taken over (rule S10)."""
    details = found.customer_details
    country = details.address.country if details and details.address else None
    return country.upper() if country and COUNTRY.fullmatch(country) else None


def subscription(found: stripe.Subscription) -> SubscriptionSnapshot:
    """With `default_payment_method` and the customer's expanded, else without its card."""
    # "items" is also a method of mappings, hence the brackets.
    items = found["items"].data
    details = found.cancellation_details
    amount = sum((item.price.unit_amount or 0) * (item.quantity or 1) for item in items)
    period_end = min(item.current_period_end for item in items)
    # An end set for later than the running period's leaves charges in between.
    ends_soon = found.cancel_at is not None and found.cancel_at <= period_end
    pause = found.pause_collection
    return SubscriptionSnapshot(
        id=found.id,
        item_id=items[0].id,
        checkout=_our_checkout(found.metadata),
        customer_id=id_of(found.customer) or "",
        status=found.status,
        amount=Money(amount, found.currency.upper()),
        interval=items[0].price.recurring.interval,
        ends_later=found.cancel_at_period_end or ends_soon,
        collection_paused=pause is not None,
        resumes_at=moment_or_none(pause.resumes_at) if pause else None,
        card=_card(found.default_payment_method or _default_of(found.customer)),
        chosen_card_id=_chosen_since(found),
        cancellation_reason=details.reason if details else None,
        our_end_reason=_our_end_reason(details.comment if details else None),
        give_back_from=_since(found.metadata),
        started_at=moment(found.start_date),
        anchor_at=moment(found.billing_cycle_anchor),
        current_period_end_at=moment(period_end),
        ended_at=moment_or_none(found.ended_at),
        latest_invoice_id=id_of(found.latest_invoice),
    )


def foreign_subscription(found: stripe.Subscription) -> ForeignSubscription:
    """With the customer expanded. Raises what a subscription of a shape unknown to us raises."""
    said = subscription(found)
    customer: Any = found.customer
    price = found["items"].data[0].price
    return ForeignSubscription(
        said=said,
        email=getattr(customer, "email", None),
        name=getattr(customer, "name", None),
        languages=tuple(getattr(customer, "preferred_locales", None) or ()),
        price_id=price.id,
        product_id=id_of(price.product) or "",
        price_name=price.nickname,
        obstacle=_obstacle(found, said),
    )


def _obstacle(found: stripe.Subscription, said: SubscriptionSnapshot) -> str | None:
    """What of a subscription we could not go on with as it is; one of arrivals' reasons."""
    prices = [item.price for item in found["items"].data]
    rhythms = {(each.recurring.interval, each.recurring.interval_count) for each in prices}
    if rhythms not in ({("month", 1)}, {("year", 1)}):
        return "other_rhythm"
    if any(each.unit_amount is None for each in prices):
        return "metered"
    if said.amount.minor <= 0:
        return "free_there"
    if found.discounts:
        return "discount"
    if found.collection_method != "charge_automatically":
        return "by_invoice"
    return "schedule" if found.schedule else None


def invoice(found: stripe.Invoice) -> InvoiceSnapshot:
    """With `payments` expanded; of a payment that is expanded as well, why it failed."""
    parent = found.parent.subscription_details if found.parent else None
    payments = found.payments.data if found.payments else []
    paid = [each for each in payments if each.status == "paid"]
    waiting = [each for each in payments if each.status == "open"]
    return InvoiceSnapshot(
        id=found.id,
        checkout=_our_checkout(parent.metadata) if parent else None,
        subscription_id=id_of(parent.subscription) if parent else None,
        status=found.status or "",
        is_paid=found.status == "paid",
        amount=Money(found.amount_paid, found.currency.upper()),
        amount_due=Money(found.amount_due, found.currency.upper()),
        asked_at=moment_or_none(found.status_transitions.finalized_at),
        paid_at=moment_or_none(found.status_transitions.paid_at),
        payment_id=id_of(paid[0].payment.payment_intent) if paid else None,
        paid_with=_card_of(paid[0].payment.payment_intent) if paid else None,
        billing_reason=found.billing_reason,
        attempts=found.attempt_count,
        next_attempt_at=moment_or_none(found.next_payment_attempt),
        failure=_failure(waiting[0].payment.payment_intent) if waiting else None,
        page_url=found.hosted_invoice_url,
    )


def payment(
    found: stripe.PaymentIntent,
    refunds: Iterable[stripe.Refund],
    disputes: Iterable[stripe.Dispute],
) -> PaymentSnapshot:
    """With `latest_charge` and its balance transaction expanded."""
    charge: Any = found.latest_charge
    currency = found.currency.upper()
    settled = charge.balance_transaction if charge else None
    return PaymentSnapshot(
        id=found.id,
        checkout=_our_checkout(found.metadata),
        is_paid=found.status == "succeeded",
        amount=Money(found.amount_received, currency),
        paid_at=moment(charge.created) if charge else None,
        fee=Money(settled.fee, settled.currency.upper()) if settled else None,
        refunds=tuple(_refund(each) for each in refunds),
        disputes=tuple(_dispute(each) for each in disputes),
    )


def fraud_warning(found: stripe.radar.EarlyFraudWarning) -> FraudWarningSnapshot:
    return FraudWarningSnapshot(
        id=found.id,
        payment_id=id_of(found.payment_intent),
        reason=found.fraud_type,
        actionable=found.actionable,
        opened_at=moment(found.created),
    )


def _dispute(found: stripe.Dispute) -> DisputeSnapshot:
    return DisputeSnapshot(
        id=found.id,
        reason=found.reason,
        status=found.status,
        amount=Money(found.amount, found.currency.upper()),
        due_at=moment_or_none(found.evidence_details.due_by),
        opened_at=moment(found.created),
    )


def _refund(found: stripe.Refund) -> RefundSnapshot:
    metadata = found.metadata
    return RefundSnapshot(
        id=found.id,
        ours=str(metadata["refund"]) if metadata and "refund" in metadata else None,
        amount=Money(found.amount, found.currency.upper()),
        status=found.status or "pending",
        created_at=moment(found.created),
    )


def cancellation_details(our_reason: str | None) -> dict[str, str]:
    """What we leave at Stripe when we end a subscription; nothing for its patron's own wish."""
    return {"comment": OUR_REASON + our_reason if our_reason else ""}


def _our_end_reason(comment: str | None) -> str | None:
    is_ours = comment is not None and comment.startswith(OUR_REASON)
    return comment.removeprefix(OUR_REASON) if comment and is_ours else None


def _default_of(customer: Any) -> Any:
    """The card that a customer's subscriptions without one of their own are charged to.

    A deleted customer is no more than an id.
    """
    settings = getattr(customer, "invoice_settings", None)
    return settings.default_payment_method if settings else None


def _chosen_since(found: stripe.Subscription) -> str | None:
    """A default card of the customer, newer than the subscription and the card of its own.

    Checkout gives a subscription a card of its own, and the portal's flow sets the customer's
    default alone, which Stripe does not charge then.
    https://docs.stripe.com/customer-management/portal-deep-links
    """
    own, default = found.default_payment_method, _default_of(found.customer)
    if own is None or isinstance(own, str) or default is None or isinstance(default, str):
        return None
    is_later = default.created >= max(own.created, found.start_date)
    return str(default.id) if is_later and default.id != own.id else None


def _card(method: Any) -> Card | None:
    """None without a way to pay, and for ways that are no card."""
    card = getattr(method, "card", None)
    if card is None:
        return None
    last_day = monthrange(card.exp_year, card.exp_month)[1]
    return Card(
        brand=card.brand,
        last4=card.last4,
        expires_on=date(card.exp_year, card.exp_month, last_day),
        payment_method_id=method.id,
    )


def _failure(intent: Any) -> Failure | None:
    """Why a payment did not come; None before the first attempt, or when it is not expanded."""
    if intent is None or isinstance(intent, str):
        return None
    error = intent.last_payment_error
    needs_action = intent.status == "requires_action"
    if error is None and not needs_action:
        return None
    if needs_action:
        code, method = "authentication_required", intent.payment_method
    else:
        code = getattr(error, "decline_code", None) or error.code
        method = getattr(error, "payment_method", None)
    return Failure(
        decline_code=code,
        payment_method_id=id_of(method),
        needs_action=code == "authentication_required",
    )


def _card_of(intent: Any) -> str | None:
    """The payment method of a payment intent; None when it is not expanded."""
    return id_of(getattr(intent, "payment_method", None))


def _our_checkout(metadata: Any) -> str | None:
    """Our id in an object's metadata; None on an object that is not ours (rule B5)."""
    return str(metadata["checkout"]) if metadata and "checkout" in metadata else None


def _since(metadata: Any) -> datetime | None:
    return moment(int(metadata[SECOND])) if SECOND in metadata else None


def id_of(reference: Any) -> str | None:
    """The id of what may be an id, an expanded object, or null."""
    return reference if reference is None or isinstance(reference, str) else str(reference.id)


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds)
