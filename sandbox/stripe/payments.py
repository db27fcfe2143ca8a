"""Payment intents, the charges they make, and the balance transactions of those."""

from collections.abc import Callable
from typing import Any

from stripe.params import (
    PaymentIntentCancelParams,
    PaymentIntentConfirmParams,
    PaymentIntentCreateParams,
    PaymentIntentListParams,
    PaymentIntentRetrieveParams,
    PaymentIntentUpdateParams,
)

from sandbox.stripe import amounts, cards, shapes
from sandbox.stripe.charges import credit, new_charge
from sandbox.stripe.errors import Object, invalid
from sandbox.stripe.listing import listing
from sandbox.stripe.payment_methods import (
    attach,
    card_error,
    card_of,
    challenges,
    resolve,
)
from sandbox.stripe.routes import assign, retrieve, route
from sandbox.stripe.world import World

Follower = Callable[[World, Object], None]
FOLLOWERS: list[Follower] = []


def follows_intents(follower: Follower) -> Follower:
    """Registers who is told after each attempt to pay an intent."""
    FOLLOWERS.append(follower)
    return follower


def new_intent(world: World, amount: int, currency: str, **given: Any) -> Object:
    """A payment intent that waits for a card."""
    intent_id = given.pop("id", None) or world.new_id("payment_intent")
    made = world.add(
        "payment_intent",
        id=intent_id,
        amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        capture_method="automatic_async",
        client_secret=f"{intent_id}_secret_{world.new_id('charge')[3:]}",
        confirmation_method="automatic",
        currency=currency,
        payment_method_options={
            "card": shapes.part(
                "payment_intent",
                "payment_method_options",
                "card",
                request_three_d_secure="automatic",
            )
        },
        payment_method_types=["card"],
        status="requires_payment_method",
        **given,
    )
    made["payment_method_options"]["card"] = {"request_three_d_secure": "automatic"}
    world.emit("payment_intent.created", made)
    return made


def confirm(world: World, intent: Object, method: Object, passed: bool = False) -> None:
    """One attempt to pay. The intent's status tells the outcome.

    ``succeeded``, ``requires_action`` (3-D Secure) or ``requires_payment_method`` (declined, see
    ``last_payment_error``). ``passed``: the reader has just passed 3-D Secure.
    """
    intent["payment_method"] = method["id"]
    card = card_of(world, method["id"])
    if challenges(world, method["id"]) and not passed:
        _ask_for_challenge(world, intent)
    elif card.decline:
        _fail(world, intent, method, card.decline)
    else:
        _succeed(world, intent, method, card, passed)
    for follower in FOLLOWERS:
        follower(world, intent)


def fail_challenge(world: World, intent: Object) -> None:
    """The reader did not pass 3-D Secure."""
    method = world.objects[intent["payment_method"]]
    _fail(world, intent, method, cards.AUTHENTICATION_FAILED, charged=False)
    for follower in FOLLOWERS:
        follower(world, intent)


def last_decline(intent: Object) -> cards.Decline:
    error = intent["last_payment_error"]
    return cards.Decline(error["code"], error.get("decline_code"), error["message"])


def _ask_for_challenge(world: World, intent: Object) -> None:
    intent["status"], intent["last_payment_error"] = "requires_action", None
    intent["next_action"] = {
        "type": "redirect_to_url",
        "redirect_to_url": {"url": f"{world.base_url}/3ds/{intent['id']}", "return_url": None},
    }
    world.emit("payment_intent.requires_action", intent)


def _fail(
    world: World, intent: Object, method: Object, decline: cards.Decline, charged: bool = True
) -> None:
    error = card_error(decline).body["error"]
    if charged:
        charge = new_charge(world, intent, method, "failed", decline)
        error["charge"] = intent["latest_charge"] = charge["id"]
        world.emit("charge.failed", charge)
    intent["status"], intent["next_action"] = "requires_payment_method", None
    intent["last_payment_error"] = {**error, "payment_method": dict(method)}
    intent["payment_method"] = None
    world.emit("payment_intent.payment_failed", intent)


def _succeed(world: World, intent: Object, method: Object, card: cards.Card, passed: bool) -> None:
    if passed:
        world.cards[method["id"]]["passed"] = True
    charge = new_charge(world, intent, method, "succeeded", None)
    charge["balance_transaction"] = credit(world, charge)["id"]
    if intent["customer"] and intent["setup_future_usage"]:
        attach(world, method, intent["customer"])
    intent.update(
        status="succeeded",
        next_action=None,
        last_payment_error=None,
        latest_charge=charge["id"],
        amount_received=intent["amount"],
    )
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)
    if card.disputed:
        world.schedule(world.now() + 1, "charge.dispute", charge["id"])
    if card.fraud_warning:
        world.schedule(world.now() + 1, "charge.fraud_warning", charge["id"])


retrieve("payment_intent", "/payment_intents", PaymentIntentRetrieveParams, "client_secret")
listing("payment_intent", "/payment_intents", PaymentIntentListParams, "customer created")


@route(
    "POST",
    "/payment_intents",
    PaymentIntentCreateParams,
    "amount currency customer payment_method confirm off_session metadata description return_url "
    "receipt_email setup_future_usage allowed_payment_method_types automatic_payment_methods",
)
def create(world: World, params: dict[str, Any]) -> Object:
    amounts.check_amount(params["amount"], params["currency"], "amount")
    amounts.check_minimum(params["amount"], params["currency"], "amount")
    if "customer" in params:
        world.named("customer", params["customer"], "customer")
    names = "customer description receipt_email setup_future_usage"
    made = new_intent(
        world,
        params["amount"],
        params["currency"].lower(),
        metadata=params.get("metadata") or {},
        **{name: params[name] for name in names.split() if name in params},
    )
    if "payment_method" in params:
        method = resolve(world, params["payment_method"])
        made["payment_method"], made["status"] = method["id"], "requires_confirmation"
        if params.get("confirm"):
            _confirm_or_raise(world, made, method)
    return made


@route("POST", "/payment_intents/*", PaymentIntentUpdateParams, "metadata description")
def update(world: World, params: dict[str, Any], intent_id: str) -> Object:
    intent = world.get("payment_intent", intent_id)
    assign(intent, params, "metadata description")
    return intent


@route(
    "POST", "/payment_intents/*/confirm", PaymentIntentConfirmParams, "payment_method return_url"
)
def confirm_intent(world: World, params: dict[str, Any], intent_id: str) -> Object:
    intent = world.get("payment_intent", intent_id)
    _expect_status(intent, "requires_payment_method requires_confirmation requires_action")
    method_id = params.get("payment_method") or intent["payment_method"]
    if not method_id:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    _confirm_or_raise(world, intent, resolve(world, method_id))
    return intent


@route("POST", "/payment_intents/*/cancel", PaymentIntentCancelParams, "cancellation_reason")
def cancel_intent(world: World, params: dict[str, Any], intent_id: str) -> Object:
    intent = world.get("payment_intent", intent_id)
    _expect_status(intent, "requires_payment_method requires_confirmation requires_action")
    cancel(world, intent, params.get("cancellation_reason"))
    return intent


def cancel(world: World, intent: Object, reason: str | None) -> None:
    intent.update(
        status="canceled",
        canceled_at=world.now(),
        cancellation_reason=reason,
        next_action=None,
    )
    world.emit("payment_intent.canceled", intent)


def _expect_status(intent: Object, allowed: str) -> None:
    if intent["status"] not in allowed.split():
        raise invalid(
            f"This PaymentIntent's status is {intent['status']}, which does not allow this.",
            code="payment_intent_unexpected_state",
        )


def _confirm_or_raise(world: World, intent: Object, method: Object) -> None:
    confirm(world, intent, method)
    if intent["status"] == "requires_payment_method":
        error = intent["last_payment_error"]
        raise card_error(
            last_decline(intent),
            charge=error.get("charge"),
            payment_intent=dict(intent),
            payment_method=dict(method),
        )
