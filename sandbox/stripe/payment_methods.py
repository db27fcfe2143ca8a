"""Payment methods (cards) and setup intents."""

import hashlib
from typing import Any

from stripe.params import (
    PaymentMethodAttachParams,
    PaymentMethodCreateParams,
    PaymentMethodDetachParams,
    PaymentMethodListParams,
    PaymentMethodRetrieveParams,
    SetupIntentCreateParams,
    SetupIntentListParams,
    SetupIntentRetrieveParams,
)

from sandbox.stripe import cards, shapes
from sandbox.stripe.errors import ApiError, Object, invalid
from sandbox.stripe.listing import listing, matches, page
from sandbox.stripe.routes import retrieve, route
from sandbox.stripe.world import World


def card_error(decline: cards.Decline, **details: Any) -> ApiError:
    """402, as Stripe answers a declined card."""
    return ApiError(
        402,
        "card_error",
        decline.message,
        code=decline.code,
        decline_code=decline.decline_code,
        advice_code=decline.advice_code if decline.code == "card_declined" else None,
        **details,
    )


def wrong_number() -> ApiError:
    return ApiError(
        402, "card_error", "Your card number is incorrect.", code="incorrect_number", param="number"
    )


def new_card(
    world: World, number: str, exp_month: int = 12, exp_year: int = 2034, **billing: Any
) -> Object:
    """A card payment method, not yet attached. Raises ApiError 402 for an unknown number."""
    if number not in cards.CARDS:
        raise wrong_number()
    card = cards.CARDS[number]
    made = world.add(
        "payment_method",
        type="card",
        allow_redisplay="unspecified",
        billing_details=billing_details(**billing),
        card=shapes.part(
            "payment_method",
            "card",
            brand=card.brand,
            country=card.country,
            checks=shapes.part("payment_method", "card", "checks", cvc_check="unchecked"),
            display_brand=card.brand,
            exp_month=exp_month,
            exp_year=exp_year,
            fingerprint=hashlib.sha256(number.encode()).hexdigest()[:16],
            funding=card.funding,
            last4=number[-4:],
            networks={"available": [card.brand], "preferred": None},
            regulated_status="unregulated",
            three_d_secure_usage={"supported": True},
        ),
        metadata={},
    )
    world.cards[made["id"]] = {"number": number, "passed": False}
    return made


def billing_details(**given: Any) -> Object:
    address = shapes.part("payment_method", "billing_details", "address")
    return shapes.part("payment_method", "billing_details", **{"address": address, **given})


def card_of(world: World, payment_method: str) -> cards.Card:
    return cards.CARDS[world.cards[payment_method]["number"]]


def resolve(world: World, object_id: str, param: str = "payment_method") -> Object:
    """A payment method by id; ``pm_card_visa`` and its like make a fresh one, as with Stripe."""
    if object_id in cards.READY_MADE:
        return new_card(world, cards.READY_MADE[object_id])
    return world.named("payment_method", object_id, param)


def challenges(world: World, payment_method: str) -> bool:
    """Whether the bank asks for 3-D Secure now."""
    challenge = card_of(world, payment_method).challenge
    return challenge == "always" or (
        challenge == "setup" and not world.cards[payment_method]["passed"]
    )


def attach(world: World, method: Object, customer: str) -> None:
    """Saves a card. Raises ApiError 402 when the bank refuses to."""
    if method["customer"] == customer:
        return
    if method["customer"]:
        raise invalid("The payment method you provided has already been attached to a customer.")
    card = card_of(world, method["id"])
    if card.decline and not card.saves and not card.challenge:
        raise card_error(card.decline)
    method["customer"] = customer
    method["card"]["checks"]["cvc_check"] = "pass"
    world.emit("payment_method.attached", method)


@route("POST", "/payment_methods", PaymentMethodCreateParams, "type card billing_details metadata")
def create(world: World, params: dict[str, Any]) -> Object:
    if params.get("type") != "card":
        raise invalid("The stand-in knows cards only: type must be card.", "type")
    given = params.get("card", {})
    number = given.get("number") or cards.READY_MADE.get(given.get("token", ""), "")
    made = new_card(
        world,
        number,
        given.get("exp_month", 12),
        given.get("exp_year", 2034),
        **{k: v for k, v in params.get("billing_details", {}).items() if v and k != "address"},
    )
    made["metadata"] = params.get("metadata") or {}
    return made


@route("POST", "/payment_methods/*/attach", PaymentMethodAttachParams, "customer")
def attach_to_customer(world: World, params: dict[str, Any], object_id: str) -> Object:
    customer = world.named("customer", params["customer"], "customer")
    method = resolve(world, object_id)
    attach(world, method, customer["id"])
    return method


@route("POST", "/payment_methods/*/detach", PaymentMethodDetachParams)
def detach(world: World, params: dict[str, Any], object_id: str) -> Object:
    method = world.get("payment_method", object_id)
    customer = method["customer"]
    if not customer:
        raise invalid("The payment method you provided is not attached to a customer.")
    method["customer"] = None
    owner = world.objects[customer]
    if owner.get("invoice_settings", {}).get("default_payment_method") == object_id:
        owner["invoice_settings"]["default_payment_method"] = None
    world.emit("payment_method.detached", method, {"customer": customer})
    return method


@route("GET", "/payment_methods", PaymentMethodListParams, "customer type")
def list_methods(world: World, params: dict[str, Any]) -> Object:
    entries = [
        method
        for method in world.all("payment_method")
        if method["customer"] and matches(method, params, "customer type")
    ]
    return page("payment_method", entries, params, "/v1/payment_methods")


retrieve("payment_method", "/payment_methods", PaymentMethodRetrieveParams)
retrieve("setup_intent", "/setup_intents", SetupIntentRetrieveParams)
listing("setup_intent", "/setup_intents", SetupIntentListParams, "customer payment_method created")


def new_setup(world: World, customer: str | None, metadata: Object | None = None) -> Object:
    """A setup intent that waits for a card."""
    intent_id = world.new_id("setup_intent")
    made = world.add(
        "setup_intent",
        id=intent_id,
        client_secret=f"{intent_id}_secret_{world.new_id('charge')[3:]}",
        customer=customer,
        metadata=metadata or {},
        payment_method_types=["card"],
        status="requires_payment_method",
        usage="off_session",
    )
    world.emit("setup_intent.created", made)
    return made


def confirm_setup(world: World, intent: Object, method: Object, passed: bool = False) -> None:
    """Saves the card; the intent's status tells the outcome: succeeded or requires_action.

    Raises ApiError 402 when the bank refuses to save it.
    """
    intent["payment_method"] = method["id"]
    if challenges(world, method["id"]) and not passed:
        intent["status"] = "requires_action"
        intent["next_action"] = shapes.part(
            "setup_intent",
            "next_action",
            type="redirect_to_url",
            redirect_to_url={"url": f"{world.base_url}/3ds/{intent['id']}", "return_url": None},
        )
        world.emit("setup_intent.requires_action", intent)
        return
    if passed:
        world.cards[method["id"]]["passed"] = True
    if intent["customer"]:
        attach(world, method, intent["customer"])
    intent["status"], intent["next_action"] = "succeeded", None
    world.emit("setup_intent.succeeded", intent)


@route(
    "POST",
    "/setup_intents",
    SetupIntentCreateParams,
    "customer payment_method confirm metadata allowed_payment_method_types usage "
    "automatic_payment_methods return_url",
)
def create_setup(world: World, params: dict[str, Any]) -> Object:
    customer = params.get("customer")
    if customer:
        world.named("customer", customer, "customer")
    made = new_setup(world, customer, params.get("metadata"))
    if "payment_method" in params:
        method = resolve(world, params["payment_method"])
        made["payment_method"], made["status"] = method["id"], "requires_confirmation"
        if params.get("confirm"):
            confirm_setup(world, made, method)
    return made
