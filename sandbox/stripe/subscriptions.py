"""Subscriptions: created, renewed, paused, cancelled.

https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
"""

from typing import Any

from sandbox.stripe import catalog, collection, invoices, shapes
from sandbox.stripe.billing_cycle import DAY, add_periods
from sandbox.stripe.errors import Object, invalid
from sandbox.stripe.payment_methods import attach
from sandbox.stripe.world import World

LIVE = frozenset({"active", "past_due", "incomplete", "trialing", "unpaid", "paused"})
RENEWING = frozenset({"active", "past_due", "trialing"})
FIRST_PAYMENT_WITHIN = 23 * 3600
UPCOMING_NOTICE = 7 * DAY


def start(
    world: World,
    customer: Object,
    items: list[tuple[Object, int]],
    keeps_card: bool = False,
    **given: Any,
) -> Object:
    """A subscription that waits for its first payment; ``items`` are prices with quantities.

    ``keeps_card`` makes the card that pays first the one for later payments.
    """
    _check_prices(world, customer, [price for price, _ in items])
    made = new_subscription(
        world, customer, items, keeps_card=keeps_card, status="incomplete", **given
    )
    now = made["start_date"]
    world.emit("customer.subscription.created", made)
    invoice = invoices.new_invoice(world, made, "subscription_create", (now, now))
    invoices.finalize(world, invoice)
    world.schedule(now + FIRST_PAYMENT_WITHIN, "subscription.expire", made["id"])
    schedule_period(world, made)
    if invoice["amount_due"] == 0:
        collection.pay(world, invoice)
    return made


def new_subscription(
    world: World,
    customer: Object,
    items: list[tuple[Object, int]],
    keeps_card: bool = False,
    **given: Any,
) -> Object:
    """A subscription whose first period begins now; nothing is charged, and nothing due yet."""
    currency = items[0][0]["currency"]
    now = world.now()
    made = world.add(
        "subscription",
        **_settings(keeps_card),
        billing_cycle_anchor=now,
        currency=currency,
        customer=customer["id"],
        items=shapes.a_list("", []),
        metadata=given.pop("metadata", None) or {},
        start_date=now,
        **given,
    )
    made["items"]["url"] = f"/v1/subscription_items?subscription={made['id']}"
    made["items"]["data"] = [
        _new_item(world, made, price, quantity, now) for price, quantity in items
    ]
    customer["currency"] = customer["currency"] or currency
    return made


def _settings(keeps_card: bool) -> Object:
    """What every subscription of the account has in common."""
    return {
        "automatic_tax": shapes.part("subscription", "automatic_tax"),
        "billing_mode": {
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": None,
        },
        "cancellation_details": shapes.part("subscription", "cancellation_details"),
        "collection_method": "charge_automatically",
        "default_tax_rates": [],
        "invoice_settings": shapes.part(
            "subscription", "invoice_settings", issuer={"account": None, "type": "self"}
        ),
        "payment_settings": shapes.part(
            "subscription",
            "payment_settings",
            save_default_payment_method="on_subscription" if keeps_card else "off",
        ),
        "trial_settings": {
            "end_behavior": {
                "billing_cycle_anchor": None,
                "missing_payment_method": "create_invoice",
            }
        },
    }


def _check_prices(world: World, customer: Object, prices: list[Object]) -> None:
    for price in prices:
        if not price["recurring"]:
            raise invalid(
                "The price specified is set to `type=one_time` but this field only accepts prices "
                f"with `type=recurring`: {price['id']}",
                "items[0][price]",
            )
    check_currency(world, customer["id"], prices[0]["currency"])


def check_currency(world: World, customer: str, currency: str) -> None:
    """Raises ApiError 400 for a second currency beside a live subscription."""
    for other in world.all("subscription"):
        if (
            other["customer"] == customer
            and other["status"] in LIVE
            and other["currency"] != currency
        ):
            raise invalid(
                "You cannot combine currencies on a single customer. This customer has an active "
                f"subscription with currency {other['currency']}.",
            )


def _new_item(world: World, subscription: Object, price: Object, quantity: int, now: int) -> Object:
    recurring = price["recurring"]
    period_end = add_periods(now, recurring["interval"], recurring["interval_count"])
    return shapes.blank(
        "subscription_item",
        id=world.new_id("subscription_item"),
        created=now,
        current_period_end=period_end,
        current_period_start=now,
        plan=plan_of(price),
        price=dict(price),
        quantity=quantity,
        subscription=subscription["id"],
        tax_rates=[],
    )


def plan_of(price: Object) -> Object:
    """The old name of a price, which items still carry."""
    recurring = price["recurring"]
    made = shapes.blank(
        "plan",
        id=price["id"],
        active=price["active"],
        amount=price["unit_amount"],
        amount_decimal=price["unit_amount_decimal"],
        billing_scheme="per_unit",
        created=price["created"],
        currency=price["currency"],
        interval=recurring["interval"],
        interval_count=recurring["interval_count"],
        metadata={},
        product=price["product"],
        usage_type="licensed",
    )
    made.pop("tiers")
    return made


def period_end(subscription: Object) -> int:
    return int(min(item["current_period_end"] for item in subscription["items"]["data"]))


def describe(world: World, subscription: Object) -> str:
    return catalog.describe(world, subscription["items"]["data"][0]["price"])


def schedule_period(world: World, subscription: Object) -> None:
    at = period_end(subscription)
    world.schedule(at, "subscription.period_end", subscription["id"])
    notice = max(at - UPCOMING_NOTICE, world.now() + 1)
    world.schedule(notice, "subscription.upcoming", subscription["id"])


# What payment does to a subscription


def follow_invoice(world: World, invoice: Object, outcome: str) -> None:
    """What an attempt to pay an invoice does to its subscription."""
    subscription = invoices.subscription_of(world, invoice)
    if outcome == "paid":
        _invoice_paid(world, subscription, invoice)
    elif subscription["status"] in RENEWING:
        world.objects[subscription["customer"]]["delinquent"] = True
        with world.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = "past_due"
        if outcome == "given_up":
            end(world, subscription, "payment_failed")


collection.FOLLOWERS.append(follow_invoice)


def _invoice_paid(world: World, subscription: Object, invoice: Object) -> None:
    if subscription["status"] not in LIVE:
        return
    with world.changing(subscription, "customer.subscription.updated"):
        is_newest = invoice is invoices.latest_finalized(world, subscription["id"])
        if is_newest and subscription["status"] != "trialing":
            subscription["status"] = "active"
        if invoice["billing_reason"] == "subscription_create" and invoice["amount_due"]:
            _keep_card(world, subscription, invoice)


def _keep_card(world: World, subscription: Object, invoice: Object) -> None:
    saves = subscription["payment_settings"]["save_default_payment_method"] == "on_subscription"
    if saves and not subscription["default_payment_method"]:
        subscription["default_payment_method"] = invoices.intent_of(world, invoice)[
            "payment_method"
        ]


def end(world: World, subscription: Object, reason: str, status: str = "canceled") -> None:
    """Ends a subscription now.

    Collection stops for all finalized invoices of its customer, but a draft is charged an hour
    after it was made all the same: https://docs.stripe.com/billing/subscriptions/cancel
    """
    subscription.update(status=status, ended_at=world.now())
    if status == "canceled":
        subscription["canceled_at"] = subscription["canceled_at"] or world.now()
        subscription["cancellation_details"]["reason"] = (
            subscription["cancellation_details"]["reason"] or reason
        )
        for invoice in world.all("invoice"):
            if invoice["customer"] == subscription["customer"] and invoice["status"] == "open":
                collection.stop(invoice)
        world.emit("customer.subscription.deleted", subscription)


# What time does to a subscription


def period_start(subscription: Object) -> int:
    return int(subscription["items"]["data"][0]["current_period_start"])


# What may be asked


def mark_cancellation(world: World, subscription: Object, wanted: bool) -> None:
    subscription["cancel_at_period_end"] = wanted
    subscription["cancel_at"] = period_end(subscription) if wanted else None
    subscription["canceled_at"] = world.now() if wanted else None
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if wanted else None


def use_card_everywhere(world: World, customer: Object, method: Object) -> None:
    """Saves a card and charges all that its customer gives to it from now on.

    Raises ApiError 402 when the bank refuses to save it.
    """
    attach(world, method, customer["id"])
    with world.changing(customer, "customer.updated"):
        customer["invoice_settings"]["default_payment_method"] = method["id"]
    for subscription in world.all("subscription"):
        if subscription["customer"] == customer["id"] and subscription["status"] in LIVE:
            with world.changing(subscription, "customer.subscription.updated"):
                subscription["default_payment_method"] = method["id"]


def plan_cancellation(world: World, subscription: Object, wanted: bool) -> None:
    """Cancels at the end of the period, or takes that back."""
    with world.changing(subscription, "customer.subscription.updated"):
        mark_cancellation(world, subscription, wanted)
