"""What may be asked of subscriptions."""

from typing import Any

from stripe.params import (
    SubscriptionCancelParams,
    SubscriptionCreateParams,
    SubscriptionListParams,
    SubscriptionRetrieveParams,
    SubscriptionUpdateParams,
)

from sandbox.stripe import catalog, collection, invoices, trials
from sandbox.stripe.billing_cycle import add_periods
from sandbox.stripe.errors import ApiError, Object, invalid, missing, unsupported
from sandbox.stripe.listing import matches, page_of
from sandbox.stripe.routes import assign, retrieve, route
from sandbox.stripe.subscriptions import (
    LIVE,
    end,
    mark_cancellation,
    period_start,
    plan_of,
    schedule_period,
    start,
)
from sandbox.stripe.world import World


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
        keeps_card=_keeps_card(params),
        default_payment_method=params.get("default_payment_method"),
        description=params.get("description") or None,
    )
    if (
        params.get("payment_behavior") != "default_incomplete"
        and method
        and made["status"] == "incomplete"
    ):
        collection.pay(world, world.objects[made["latest_invoice"]], world.objects[str(method)])
    if params.get("cancel_at_period_end"):
        mark_cancellation(world, made, True)
    return made


def _keeps_card(params: dict[str, Any]) -> bool:
    settings = params.get("payment_settings") or {}
    beyond = settings.keys() - {"save_default_payment_method"}
    if beyond:
        raise unsupported(f"payment_settings[{min(beyond)}]")
    return settings.get("save_default_payment_method") == "on_subscription"


def _card_for(world: World, customer: Object, params: dict[str, Any]) -> str | None:
    if "default_payment_method" in params:
        method = world.named(
            "payment_method", params["default_payment_method"], "default_payment_method"
        )
        return str(method["id"])
    default: str | None = customer["invoice_settings"]["default_payment_method"]
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
    "cancellation_details pause_collection proration_behavior payment_behavior off_session "
    "trial_end",
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
            mark_cancellation(world, subscription, params["cancel_at_period_end"])
        if "cancel_at" in params:
            _plan_cancellation_at(world, subscription, params["cancel_at"])
        if "pause_collection" in params:
            pause_collection(world, subscription, params["pause_collection"])
        restarts = _change_items(world, subscription, params.get("items", []))
        if "trial_end" in params:
            trials.begin(world, subscription, params["trial_end"])
        # Within a trial the new rhythm begins when the trial ends.
        if restarts and subscription["status"] != "trialing":
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
    if "trial_end" in params:
        trials.check(world, subscription, params)


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
            item.update(price=dict(price), plan=plan_of(price))
        if "quantity" in change:
            item["quantity"] = change["quantity"]
        assign(item, change, "metadata")
    return restarts


def _restart_cycle(world: World, subscription: Object) -> None:
    """A new interval begins now and is charged now."""
    now = world.now()
    started = period_start(subscription)
    subscription["billing_cycle_anchor"] = now
    for item in subscription["items"]["data"]:
        recurring = item["price"]["recurring"]
        item["current_period_start"] = now
        item["current_period_end"] = add_periods(
            now, recurring["interval"], recurring["interval_count"]
        )
    schedule_period(world, subscription)
    invoice = invoices.new_invoice(world, subscription, "subscription_update", (started, now))
    invoices.finalize(world, invoice)
    collection.pay(world, invoice)


def _plan_cancellation_at(world: World, subscription: Object, at: int | str) -> None:
    if isinstance(at, str) and at != "":
        raise unsupported(f"cancel_at={at}")
    subscription["cancel_at_period_end"] = False
    subscription["cancel_at"] = at or None
    subscription["canceled_at"] = world.now() if at else None
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if at else None
    if at:
        world.schedule(int(at), "subscription.cancel_at", subscription["id"])


def pause_collection(world: World, subscription: Object, wanted: dict[str, Any] | str) -> None:
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
        raise missing("subscription", subscription_id)
    assign(
        subscription["cancellation_details"],
        params.get("cancellation_details", {}),
        "comment feedback",
    )
    end(world, subscription, "cancellation_requested")
    return subscription


@route("GET", "/subscriptions", SubscriptionListParams, "customer status price created")
def list_subscriptions(world: World, params: dict[str, Any]) -> Object:
    def is_wanted(subscription: Object) -> bool:
        prices = (item["price"]["id"] for item in subscription["items"]["data"])
        return (
            matches(subscription, params, "customer created")
            and _has_status(subscription, params.get("status"))
            and params.get("price") in (None, *prices)
        )

    return page_of(world, "subscription", is_wanted, params, "/v1/subscriptions")


def _has_status(subscription: Object, wanted: str | None) -> bool:
    """Without a wish, all that are not canceled."""
    status = str(subscription["status"])
    if wanted == "ended":
        return status in ("canceled", "incomplete_expired")
    return wanted == "all" or (status == wanted if wanted else status != "canceled")


retrieve("subscription", "/subscriptions", SubscriptionRetrieveParams)
