"""Checkout Sessions: created by the API, completed on the hosted page."""

import re
from typing import Any

from stripe.params.checkout import (
    SessionCreateParams,
    SessionExpireParams,
    SessionListLineItemsParams,
    SessionListParams,
    SessionRetrieveParams,
    SessionUpdateParams,
)

from sandbox.stripe import catalog, shapes
from sandbox.stripe.amounts import check_minimum
from sandbox.stripe.errors import Object, invalid, unsupported
from sandbox.stripe.listing import included, matches, page
from sandbox.stripe.routes import assign, retrieve, route
from sandbox.stripe.subscriptions import check_currency
from sandbox.stripe.world import World, due

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LASTS_AT_MOST = 24 * 3600
LASTS_AT_LEAST = 30 * 60
SUBSCRIPTION_DATA = frozenset({"metadata", "description", "billing_mode"})
FLEXIBLE = {"type": "flexible"}
INTENT_DATA = frozenset({"metadata", "description", "receipt_email", "setup_future_usage"})


@route(
    "POST",
    "/checkout/sessions",
    SessionCreateParams,
    "mode line_items success_url cancel_url customer customer_email customer_creation metadata "
    "client_reference_id subscription_data payment_intent_data submit_type locale expires_at "
    "allowed_payment_method_types currency ui_mode",
)
def create(world: World, params: dict[str, Any]) -> Object:
    _check(world, params)
    mode = params["mode"]
    items = params.get("line_items", [])
    outlines = [_outline(world, item, f"line_items[{n}]") for n, item in enumerate(items)]
    currency = _check_lines(world, params, outlines) if outlines else params.get("currency")
    lines = [
        _line_item(world, catalog.price_of(world, item, f"line_items[{n}]"), item["quantity"])
        for n, item in enumerate(items)
    ]
    total = sum(line["amount_total"] for line in lines)
    session_id = world.new_id("checkout.session")
    world.line_items[session_id] = lines
    world.attempts[session_id] = {
        "subscription_data": params.get("subscription_data", {}),
        "payment_intent_data": params.get("payment_intent_data", {}),
        "customer": None, "subscription": None, "intent": None, "error": None, "details": None,
    }  # fmt: skip
    made = _new_session(world, session_id, params, currency, None if mode == "setup" else total)
    world.schedule(made["expires_at"], "checkout.session.expire", session_id)
    return made


def _check(world: World, params: dict[str, Any]) -> None:
    for name in ("mode", "success_url"):
        if name not in params:
            raise invalid(f"Missing required param: {name}.", name, "parameter_missing")
    mode = params["mode"]
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise unsupported("Checkout other than the hosted page")
    if set(params.get("allowed_payment_method_types", ["card"])) != {"card"}:
        raise unsupported("payment methods other than cards")
    if mode != "setup" and not params.get("line_items"):
        raise invalid("Missing required param: line_items.", "line_items", "parameter_missing")
    if "customer" in params and "customer_email" in params:
        raise invalid(
            "You may only specify one of these parameters: customer, customer_email.", "customer"
        )
    if "customer" in params:
        world.named("customer", params["customer"], "customer")
    if "customer_email" in params and not EMAIL.fullmatch(params["customer_email"]):
        raise invalid(
            f"Invalid email address: {params['customer_email']}", "customer_email", "email_invalid"
        )
    if "customer_creation" in params and mode == "subscription":
        raise invalid(
            "`customer_creation` can only be used in `payment` and `setup` mode.",
            "customer_creation",
        )
    _check_parts(world, params)


def _check_parts(world: World, params: dict[str, Any]) -> None:
    mode = params["mode"]
    for name, only_in, known in (
        ("subscription_data", "subscription", SUBSCRIPTION_DATA),
        ("payment_intent_data", "payment", INTENT_DATA),
    ):
        if name in params and mode != only_in:
            raise invalid(f"You can not pass `{name}` in `{mode}` mode.", name)
        beyond = params.get(name, {}).keys() - known
        if beyond:
            raise unsupported(f"{name}[{min(beyond)}]")
    if params.get("subscription_data", {}).get("billing_mode", FLEXIBLE) != FLEXIBLE:
        raise unsupported("subscription_data[billing_mode] other than flexible")
    for url in ("success_url", "cancel_url"):
        if url in params and not re.match(r"https?://", params[url]):
            raise invalid("Not a valid URL", url, "url_invalid")
    lasts = params.get("expires_at", world.now() + LASTS_AT_MOST) - world.now()
    if not LASTS_AT_LEAST <= lasts <= LASTS_AT_MOST:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from "
            "Checkout Session creation.",
            "expires_at",
        )


def _outline(world: World, item: dict[str, Any], param: str) -> Object:
    """What a line will cost, before anything is made: currency, amount, recurring or not."""
    if "quantity" not in item:
        raise invalid(f"Missing required param: {param}[quantity].", f"{param}[quantity]",
                      "parameter_missing")  # fmt: skip
    if "price_data" in item:
        catalog.check_price_data(world, item["price_data"], f"{param}[price_data]")
        price = item["price_data"]
    else:
        price = catalog.price_of(world, item, param)
    return {
        "currency": price["currency"].lower(),
        "amount": price["unit_amount"] * item["quantity"],
        "recurring": bool(price.get("recurring")),
    }


def _check_lines(world: World, params: dict[str, Any], outlines: list[Object]) -> str:
    """The currency that all lines have in common."""
    currency = str(outlines[0]["currency"])
    if any(outline["currency"] != currency for outline in outlines):
        raise invalid("All prices on a Checkout Session must have the same currency.", "line_items")
    check_minimum(sum(outline["amount"] for outline in outlines), currency, "line_items")
    _check_rhythm(params["mode"], [outline["recurring"] for outline in outlines])
    if params["mode"] == "subscription" and "customer" in params:
        check_currency(world, params["customer"], currency)
    return currency


def _check_rhythm(mode: str, recurring: list[bool]) -> None:
    if mode == "subscription" and not any(recurring):
        raise invalid(
            "You must provide at least one recurring price in `subscription` mode when using "
            "prices.",
            "line_items",
        )
    if mode == "subscription" and not all(recurring):
        raise unsupported("one-time prices in subscription mode")
    if mode == "payment" and any(recurring):
        raise invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to "
            "`subscription` mode or use only one-time prices.",
            "mode",
        )


def _line_item(world: World, price: Object, quantity: int) -> Object:
    amount = price["unit_amount"] * quantity
    return shapes.blank(
        "item",
        id=world.new_id("item"),
        amount_discount=0,
        amount_subtotal=amount,
        amount_tax=0,
        amount_total=amount,
        currency=price["currency"],
        description=world.objects[price["product"]]["name"],
        metadata={},
        price=dict(price),
        quantity=quantity,
    )


def _new_session(
    world: World, session_id: str, params: dict[str, Any], currency: str | None, total: int | None
) -> Object:
    mode = params["mode"]
    made = world.add(
        "checkout.session",
        id=session_id,
        adaptive_pricing={"enabled": False},
        amount_subtotal=total,
        amount_total=total,
        automatic_tax=shapes.part("checkout.session", "automatic_tax"),
        currency=currency,
        custom_text=shapes.part("checkout.session", "custom_text"),
        customer_creation="always" if mode == "subscription" else "if_required",
        customer_details=None,
        expires_at=world.now() + LASTS_AT_MOST,
        metadata={},
        mode=mode,
        payment_method_collection="if_required" if mode == "payment" else "always",
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        payment_status="no_payment_required" if mode == "setup" else "unpaid",
        phone_number_collection={"enabled": False},
        status="open",
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
        url=f"{world.base_url}/c/pay/{session_id}",
    )
    names = (
        "success_url cancel_url customer customer_email client_reference_id submit_type locale "
        "expires_at customer_creation metadata"
    )
    assign(made, params, names)
    if made["customer"]:
        customer = world.objects[made["customer"]]
        made["customer_creation"] = None
        made["customer_details"] = customer_details(customer["email"], customer["name"])
    elif made["customer_email"]:
        made["customer_details"] = customer_details(made["customer_email"], None)
    return made


def customer_details(email: str | None, name: str | None, country: str | None = None) -> Object:
    """Of an address the hosted page asks for the country alone."""
    lines = dict.fromkeys(("city", "line1", "line2", "postal_code", "state"))
    return shapes.part(
        "checkout.session",
        "customer_details",
        address={"country": country, **lines} if country else None,
        email=email,
        name=name,
        tax_exempt="none",
        tax_ids=None,
    )


# The hosted page


# What may be asked


@due("checkout.session.expire")
def expire_when_due(world: World, session_id: str) -> None:
    session = world.objects[session_id]
    if session["status"] == "open":
        _expire(world, session)


def _expire(world: World, session: Object) -> None:
    session.update(status="expired", url=None)
    world.emit("checkout.session.expired", session)


@route("POST", "/checkout/sessions/*/expire", SessionExpireParams)
def expire(world: World, params: dict[str, Any], session_id: str) -> Object:
    session = world.get("checkout.session", session_id)
    if session["status"] != "open":
        raise invalid(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of `{session['status']}`.",
        )
    _expire(world, session)
    return session


@route("POST", "/checkout/sessions/*", SessionUpdateParams, "metadata")
def update(world: World, params: dict[str, Any], session_id: str) -> Object:
    session = world.get("checkout.session", session_id)
    assign(session, params, "metadata")
    return session


@route(
    "GET",
    "/checkout/sessions",
    SessionListParams,
    "customer subscription payment_intent status created customer_details",
)
def list_sessions(world: World, params: dict[str, Any]) -> Object:
    email = params.get("customer_details", {}).get("email")
    entries = [
        session
        for session in world.all("checkout.session")
        if matches(session, params, "customer subscription payment_intent status created")
        and email in (None, (session["customer_details"] or {}).get("email"))
    ]
    return page("checkout.session", entries, params, "/v1/checkout/sessions")


@route("GET", "/checkout/sessions/*/line_items", SessionListLineItemsParams)
def list_line_items(world: World, params: dict[str, Any], session_id: str) -> Object:
    world.get("checkout.session", session_id)
    lines = world.line_items[session_id][::-1]
    return page("item", lines, params, f"/v1/checkout/sessions/{session_id}/line_items")


@included("checkout.session", "line_items")
def lines_of(world: World, session: Object) -> Object:
    return list_line_items(world, {}, session["id"])


retrieve("checkout.session", "/checkout/sessions", SessionRetrieveParams)
