"""Subscriptions: created, renewed, paused, cancelled.

https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
"""

from typing import Any

from stripe.params import (
    SubscriptionCancelParams,
    SubscriptionCreateParams,
    SubscriptionListParams,
    SubscriptionRetrieveParams,
    SubscriptionUpdateParams,
)

from sandbox.stripe import catalog, invoices, shapes
from sandbox.stripe.billing_cycle import DAY, add_periods, next_period_end
from sandbox.stripe.errors import ApiError, Object, invalid, unsupported
from sandbox.stripe.listing import matches, page
from sandbox.stripe.payment_methods import attach
from sandbox.stripe.routes import assign, retrieve, route
from sandbox.stripe.world import World, due

LIVE = frozenset({"active", "past_due", "incomplete", "trialing", "unpaid", "paused"})
RENEWING = frozenset({"active", "past_due"})
FIRST_PAYMENT_WITHIN = 23 * 3600
UPCOMING_NOTICE = 7 * DAY


def start(
    world: World,
    customer: Object,
    items: list[tuple[Object, int]],
    **given: Any,
) -> Object:
    """A subscription that waits for its first payment; ``items`` are prices with quantities."""
    first_price = items[0][0]
    _check_currency(world, customer, first_price["currency"])
    subscription_id = world.new_id("subscription")
    now = world.now()
    made = world.add(
        "subscription",
        id=subscription_id,
        automatic_tax={"disabled_reason": None, "enabled": False, "liability": None},
        billing_cycle_anchor=now,
        billing_mode={
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": None,
        },
        cancellation_details=shapes.part("subscription", "cancellation_details"),
        collection_method="charge_automatically",
        currency=first_price["currency"],
        customer=customer["id"],
        default_tax_rates=[],
        invoice_settings=shapes.part(
            "subscription", "invoice_settings", issuer={"account": None, "type": "self"}
        ),
        items=shapes.a_list(f"/v1/subscription_items?subscription={subscription_id}", []),
        payment_settings=shapes.part(
            "subscription", "payment_settings", save_default_payment_method="off"
        ),
        start_date=now,
        status="incomplete",
        trial_settings={
            "end_behavior": {
                "billing_cycle_anchor": None, "missing_payment_method": "create_invoice",
            }
        },
        metadata=given.pop("metadata", None) or {},
        **given,
    )  # fmt: skip
    made["items"]["data"] = [
        _new_item(world, made, price, quantity, now) for price, quantity in items
    ]
    customer["currency"] = customer["currency"] or first_price["currency"]
    world.emit("customer.subscription.created", made)
    invoice = invoices.new_invoice(world, made, "subscription_create", (now, now))
    invoices.finalize(world, invoice)
    world.schedule(now + FIRST_PAYMENT_WITHIN, "subscription.expire", subscription_id)
    _schedule_period(world, made)
    return made


def _check_currency(world: World, customer: Object, currency: str) -> None:
    for other in world.all("subscription"):
        if (
            other["customer"] == customer["id"]
            and other["status"] in LIVE
            and other["currency"] != currency
        ):
            raise invalid(
                "You cannot combine currencies on a single customer. This customer has an active "
                f"subscription with currency {other['currency']}.",
            )


def _new_item(world: World, subscription: Object, price: Object, quantity: int, now: int) -> Object:
    recurring = price["recurring"]
    if not recurring:
        raise invalid(
            f"The price specified is set to `type=one_time` but this field only accepts prices "
            f"with `type=recurring`: {price['id']}",
            "items[0][price]",
        )
    period_end = add_periods(now, recurring["interval"], recurring["interval_count"])
    return shapes.blank(
        "subscription_item",
        id=world.new_id("subscription_item"),
        created=now,
        current_period_end=period_end,
        current_period_start=now,
        plan=_plan(price),
        price=dict(price),
        quantity=quantity,
        subscription=subscription["id"],
        tax_rates=[],
    )


def _plan(price: Object) -> Object:
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


def _schedule_period(world: World, subscription: Object) -> None:
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


invoices.FOLLOWERS.append(follow_invoice)


def _invoice_paid(world: World, subscription: Object, invoice: Object) -> None:
    if subscription["status"] not in LIVE:
        return
    others_open = any(
        other["status"] == "open" and other["id"] != invoice["id"]
        for other in invoices.of_subscription(world, subscription["id"])
    )
    with world.changing(subscription, "customer.subscription.updated"):
        if not others_open:
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
    """Ends a subscription now; its open invoices are not charged any more."""
    subscription.update(status=status, ended_at=world.now())
    if status == "canceled":
        subscription["canceled_at"] = subscription["canceled_at"] or world.now()
        subscription["cancellation_details"]["reason"] = (
            subscription["cancellation_details"]["reason"] or reason
        )
    for invoice in invoices.of_subscription(world, subscription["id"]):
        if invoice["status"] in ("open", "draft"):
            invoice.update(auto_advance=False, next_payment_attempt=None)
    if status == "canceled":
        world.emit("customer.subscription.deleted", subscription)


# What time does to a subscription


@due("subscription.expire")
def expire(world: World, subscription_id: str) -> None:
    """A first payment that did not come within 23 hours ends the attempt."""
    subscription = world.objects[subscription_id]
    if subscription["status"] != "incomplete":
        return
    with world.changing(subscription, "customer.subscription.updated"):
        end(world, subscription, "", status="incomplete_expired")
    invoices.void(world, world.objects[subscription["latest_invoice"]])


@due("subscription.upcoming")
def announce(world: World, subscription_id: str) -> None:
    subscription = world.objects[subscription_id]
    until_renewal = period_end(subscription) - world.now()
    if (
        subscription["status"] not in RENEWING
        or subscription["cancel_at"]
        or not 0 < until_renewal <= UPCOMING_NOTICE
    ):
        return
    world.emit("invoice.upcoming", _upcoming_invoice(world, subscription))


def _upcoming_invoice(world: World, subscription: Object) -> Object:
    """What the next invoice will say; it has no id and is not kept."""
    at = period_end(subscription)
    preview = {**subscription, "items": {"data": []}}
    preview["items"]["data"] = [
        {
            **item,
            "current_period_start": at,
            "current_period_end": _following_end(subscription, item),
        }
        for item in subscription["items"]["data"]
    ]
    invoice = invoices.draft(world, preview, "upcoming", (item_start(subscription), at))
    invoice["next_payment_attempt"] = at + invoices.DRAFT_FOR
    invoice["created"] = at
    invoice_id = invoice.pop("id")
    for line in invoice["lines"]["data"]:
        line["invoice"] = None
    invoice["lines"]["url"] = invoice["lines"]["url"].replace(invoice_id, "upcoming")
    return invoice


def item_start(subscription: Object) -> int:
    return int(subscription["items"]["data"][0]["current_period_start"])


def _following_end(subscription: Object, item: Object) -> int:
    recurring = item["price"]["recurring"]
    return next_period_end(
        subscription["billing_cycle_anchor"],
        recurring["interval"],
        recurring["interval_count"],
        item["current_period_end"],
    )


@due("subscription.period_end")
def close_period(world: World, subscription_id: str) -> None:
    """Renews, or ends if that was asked for."""
    subscription = world.objects[subscription_id]
    if subscription["status"] not in RENEWING or period_end(subscription) != world.now():
        return
    if subscription["cancel_at"] and subscription["cancel_at"] <= world.now():
        end(world, subscription, "cancellation_requested")
        return
    started = item_start(subscription)
    with world.changing(subscription, "customer.subscription.updated"):
        for item in subscription["items"]["data"]:
            following = _following_end(subscription, item)
            item["current_period_start"] = item["current_period_end"]
            item["current_period_end"] = following
        invoice = invoices.new_invoice(
            world, subscription, "subscription_cycle", (started, world.now())
        )
    _schedule_period(world, subscription)
    if _is_kept_as_draft(subscription):
        invoice["auto_advance"] = False
    else:
        invoice["automatically_finalizes_at"] = world.now() + invoices.DRAFT_FOR
        world.schedule(invoice["automatically_finalizes_at"], "invoice.advance", invoice["id"])


def _is_kept_as_draft(subscription: Object) -> bool:
    return (subscription["pause_collection"] or {}).get("behavior") == "keep_as_draft"


@due("invoice.advance")
def advance_invoice(world: World, invoice_id: str) -> None:
    """An hour after its creation: finalized, and charged unless collection is paused."""
    invoice = world.objects[invoice_id]
    subscription = invoices.subscription_of(world, invoice)
    if invoice["status"] != "draft" or subscription["status"] not in RENEWING:
        return
    invoices.finalize(world, invoice)
    pause = subscription["pause_collection"]
    if invoice["status"] == "paid":
        return
    if pause is None:
        invoices.pay(world, invoice)
    elif pause["behavior"] == "void":
        invoices.void(world, invoice)
    else:
        invoices.mark_uncollectible(world, invoice)


@due("subscription.resume")
def resume(world: World, subscription_id: str) -> None:
    subscription = world.objects[subscription_id]
    pause = subscription["pause_collection"]
    if pause and pause["resumes_at"] == world.now():
        with world.changing(subscription, "customer.subscription.updated"):
            subscription["pause_collection"] = None


@due("subscription.cancel_at")
def cancel_as_planned(world: World, subscription_id: str) -> None:
    subscription = world.objects[subscription_id]
    if subscription["status"] in LIVE and subscription["cancel_at"] == world.now():
        end(world, subscription, "cancellation_requested")


# What may be asked


@route(
    "POST",
    "/subscriptions",
    SubscriptionCreateParams,
    "customer items metadata default_payment_method description payment_behavior "
    "payment_settings off_session collection_method cancel_at_period_end currency",
)
def create(world: World, params: dict[str, Any]) -> Object:
    customer = world.named("customer", params["customer"], "customer")
    items = [
        (catalog.price_of(world, item, f"items[{position}]"), item.get("quantity", 1))
        for position, item in enumerate(params.get("items", []))
    ]
    if not items:
        raise invalid("Missing required param: items.", "items", "parameter_missing")
    method = _card_for(world, customer, params)
    made = start(
        world,
        customer,
        items,
        metadata=params.get("metadata"),
        default_payment_method=params.get("default_payment_method"),
        description=params.get("description") or None,
    )
    if params.get("payment_behavior") != "default_incomplete" and method:
        invoices.pay(world, world.objects[made["latest_invoice"]], world.objects[method])
    if params.get("cancel_at_period_end"):
        _plan_cancellation(world, made, True)
    return made


def _card_for(world: World, customer: Object, params: dict[str, Any]) -> str | None:
    if "default_payment_method" in params:
        method = world.named(
            "payment_method", params["default_payment_method"], "default_payment_method"
        )
        return str(method["id"])
    default = customer["invoice_settings"]["default_payment_method"]
    if default is None and params.get("payment_behavior") != "default_incomplete":
        raise ApiError(
            400,
            "invalid_request_error",
            "This customer has no attached payment source or default payment method. Please "
            "consider adding a default payment method.",
            code="resource_missing",
        )
    return default


@route(
    "POST",
    "/subscriptions/*",
    SubscriptionUpdateParams,
    "items metadata default_payment_method description cancel_at_period_end cancel_at "
    "cancellation_details pause_collection proration_behavior payment_behavior off_session",
)
def update(world: World, params: dict[str, Any], subscription_id: str) -> Object:
    subscription = world.get("subscription", subscription_id)
    _check_update(world, subscription, params)
    with world.changing(subscription, "customer.subscription.updated"):
        assign(subscription, params, "metadata description default_payment_method")
        if "cancellation_details" in params:
            assign(
                subscription["cancellation_details"],
                params["cancellation_details"] or {},
                "comment feedback",
            )
        if "cancel_at_period_end" in params:
            _plan_cancellation(world, subscription, params["cancel_at_period_end"])
        if "cancel_at" in params:
            _plan_cancellation_at(world, subscription, params["cancel_at"])
        if "pause_collection" in params:
            _pause_collection(world, subscription, params["pause_collection"])
        restarts = _change_items(world, subscription, params.get("items", []))
        if restarts:
            _restart_cycle(world, subscription)
    return subscription


def _check_update(world: World, subscription: Object, params: dict[str, Any]) -> None:
    editable_after_end = {"metadata", "cancellation_details", "expand"}
    if subscription["status"] not in LIVE and params.keys() - editable_after_end:
        raise invalid(
            "A canceled subscription can only update its cancellation_details and metadata."
        )
    if params.get("default_payment_method"):
        world.named("payment_method", params["default_payment_method"], "default_payment_method")
    for position, item in enumerate(params.get("items", [])):
        _check_item(world, subscription, item, params, f"items[{position}]")


def _check_item(
    world: World, subscription: Object, item: dict[str, Any], params: dict[str, Any], param: str
) -> None:
    if item.keys() - {"id", "price", "price_data", "quantity", "metadata"}:
        raise unsupported("adding or deleting subscription items")
    if item.get("id") not in [entry["id"] for entry in subscription["items"]["data"]]:
        raise invalid(f"Invalid subscription item id: {item.get('id')}", f"{param}[id]")
    changes_price = item.keys() & {"price", "price_data", "quantity"}
    if changes_price and params.get("proration_behavior") != "none":
        raise unsupported("prorations: send proration_behavior=none")
    if "price_data" in item:
        catalog.check_price_data(world, item["price_data"], f"{param}[price_data]")
        currency = item["price_data"]["currency"].lower()
    elif "price" in item:
        currency = world.named("price", item["price"], f"{param}[price]")["currency"]
    else:
        return
    if currency != subscription["currency"]:
        raise invalid(
            f"The price specified only supports `{currency}`. This doesn't match the expected "
            f"currency: `{subscription['currency']}`.",
            f"{param}[price]",
        )


def _change_items(world: World, subscription: Object, changes: list[dict[str, Any]]) -> bool:
    """Whether an interval changed, which starts a new billing cycle."""
    restarts = False
    for position, change in enumerate(changes):
        item = next(i for i in subscription["items"]["data"] if i["id"] == change["id"])
        if "price" in change or "price_data" in change:
            price = catalog.price_of(world, change, f"items[{position}]")
            restarts = restarts or price["recurring"] != item["price"]["recurring"]
            item.update(price=dict(price), plan=_plan(price))
        if "quantity" in change:
            item["quantity"] = change["quantity"]
        assign(item, change, "metadata")
    return restarts


def _restart_cycle(world: World, subscription: Object) -> None:
    """A new interval begins now and is charged now."""
    now = world.now()
    started = item_start(subscription)
    subscription["billing_cycle_anchor"] = now
    for item in subscription["items"]["data"]:
        recurring = item["price"]["recurring"]
        item["current_period_start"] = now
        item["current_period_end"] = add_periods(
            now, recurring["interval"], recurring["interval_count"]
        )
    _schedule_period(world, subscription)
    invoice = invoices.new_invoice(world, subscription, "subscription_update", (started, now))
    invoices.finalize(world, invoice)
    if invoice["status"] == "open":
        invoices.pay(world, invoice)


def _plan_cancellation(world: World, subscription: Object, wanted: bool) -> None:
    subscription["cancel_at_period_end"] = wanted
    subscription["cancel_at"] = period_end(subscription) if wanted else None
    subscription["canceled_at"] = world.now() if wanted else None
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if wanted else None


def _plan_cancellation_at(world: World, subscription: Object, at: int | str) -> None:
    if isinstance(at, str) and at != "":
        raise unsupported(f"cancel_at={at}")
    subscription["cancel_at_period_end"] = False
    subscription["cancel_at"] = at or None
    subscription["canceled_at"] = world.now() if at else None
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if at else None
    if at:
        world.schedule(int(at), "subscription.cancel_at", subscription["id"])


def _pause_collection(world: World, subscription: Object, wanted: dict[str, Any] | str) -> None:
    if not isinstance(wanted, dict):
        subscription["pause_collection"] = None
        return
    resumes_at = wanted.get("resumes_at")
    subscription["pause_collection"] = {"behavior": wanted["behavior"], "resumes_at": resumes_at}
    if resumes_at:
        world.schedule(resumes_at, "subscription.resume", subscription["id"])


@route("DELETE", "/subscriptions/*", SubscriptionCancelParams, "cancellation_details prorate")
def cancel(world: World, params: dict[str, Any], subscription_id: str) -> Object:
    subscription = world.get("subscription", subscription_id)
    if subscription["status"] not in LIVE:
        raise ApiError(
            404,
            "invalid_request_error",
            f"No such subscription: '{subscription_id}'",
            code="resource_missing",
            param="id",
        )
    assign(
        subscription["cancellation_details"],
        params.get("cancellation_details", {}),
        "comment feedback",
    )
    end(world, subscription, "cancellation_requested")
    return subscription


@route("GET", "/subscriptions", SubscriptionListParams, "customer status price created")
def list_subscriptions(world: World, params: dict[str, Any]) -> Object:
    entries = [
        subscription
        for subscription in world.all("subscription")
        if matches(subscription, params, "customer created")
        and _has_status(subscription, params.get("status"))
        and params.get("price")
        in (None, *(item["price"]["id"] for item in subscription["items"]["data"]))
    ]
    return page("subscription", entries, params, "/v1/subscriptions")


def _has_status(subscription: Object, wanted: str | None) -> bool:
    """Without a wish, all that are not canceled."""
    status = str(subscription["status"])
    if wanted == "ended":
        return status in ("canceled", "incomplete_expired")
    return wanted == "all" or (status == wanted if wanted else status != "canceled")


retrieve("subscription", "/subscriptions", SubscriptionRetrieveParams)


def use_card_everywhere(world: World, customer: Object, method: Object) -> None:
    """Saves a card and charges it from now on, as the portal and a changed default do.

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
        _plan_cancellation(world, subscription, wanted)
