"""``/sandbox/*``: what tests and the demo may do that Stripe's customers cannot. All JSON."""

from collections import Counter
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.stripe import refunds, subscriptions
from sandbox.stripe.account import add_webhook_endpoint
from sandbox.stripe.api import Api
from sandbox.stripe.cards import CARDS
from sandbox.stripe.errors import ApiError, Object, invalid, missing
from sandbox.stripe.hints import fields, literal_values, object_class
from sandbox.stripe.payment_methods import new_card, wrong_number
from sandbox.stripe.planting import plant, read
from sandbox.stripe.webhooks import WAYS, Deliveries
from sandbox.stripe.world import World

FAULTS = frozenset({"webhooks", "webhook_delay", "api_error_rate", "api_errors", "silent"})


def control_pages(api: Api, deliveries: Deliveries) -> Blueprint:
    pages = Blueprint("control", __name__, url_prefix="/sandbox")

    @pages.errorhandler(ApiError)
    def refuse(error: ApiError) -> ResponseReturnValue:
        return jsonify(error.body), error.status

    _add_clock(pages, api.world)
    _add_weather(pages, api, deliveries)
    _add_deliveries(pages, api.world, deliveries)
    _add_state(pages, api, deliveries)
    _add_banks(pages, api.world)
    return pages


def _add_clock(pages: Blueprint, world: World) -> None:
    @pages.get("/clock")
    def clock() -> ResponseReturnValue:
        return jsonify({"now": world.now()})

    @pages.post("/clock")
    def advance_clock() -> ResponseReturnValue:
        seconds = _body().get("advance")
        if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
            raise invalid("advance must be a whole number of seconds, 0 or more.", "advance")
        with world.lock:
            world.advance(seconds)
            world.changed()
            return jsonify({"now": world.now()})


def _add_weather(pages: Blueprint, api: Api, deliveries: Deliveries) -> None:
    @pages.post("/faults")
    def set_faults() -> ResponseReturnValue:
        body = _body()
        _check_faults(body)
        deliveries.way = body.get("webhooks", deliveries.way)
        deliveries.delay = body.get("webhook_delay", deliveries.delay)
        api.faults.rate = body.get("api_error_rate", api.faults.rate)
        api.faults.script = list(body.get("api_errors", api.faults.script))
        api.world.is_silent = body.get("silent", api.world.is_silent)
        return jsonify(
            webhooks=deliveries.way,
            api_error_rate=api.faults.rate,
            api_errors=api.faults.script,
            silent=api.world.is_silent,
        )


def _check_faults(body: dict[str, Any]) -> None:
    unknown = body.keys() - FAULTS
    if unknown:
        raise invalid(f"Unknown fault: {min(unknown)}.", min(unknown))
    if body.get("webhooks", "ok") not in WAYS:
        raise invalid(f"webhooks must be one of {', '.join(WAYS)}.", "webhooks")
    rate = body.get("api_error_rate", 0)
    if not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise invalid("api_error_rate must lie between 0 and 1.", "api_error_rate")
    if not isinstance(body.get("silent", False), bool):
        raise invalid("silent must be true or false.", "silent")
    for fault in body.get("api_errors", []):
        if fault not in (0, "ok", "timeout", "lock_timeout") and not (
            isinstance(fault, int) and 400 <= fault <= 599
        ):
            raise invalid(
                "api_errors are statuses from 400 to 599, 0 for none, timeout, or lock_timeout.",
                "api_errors",
            )


def _add_deliveries(pages: Blueprint, world: World, deliveries: Deliveries) -> None:
    @pages.post("/webhooks/resend")
    def resend() -> ResponseReturnValue:
        event = _named(world, "event")
        deliveries.resend(event["id"])
        return jsonify({"queued": event["id"]})

    @pages.post("/events")
    def emit() -> ResponseReturnValue:
        """``{"type": any published type, "object": id}`` sends an event about an object as it is.

        For what cards alone never cause, such as ``checkout.session.async_payment_failed``.
        """
        body = _body()
        published = literal_values(fields(object_class("event"))["type"])
        if body.get("type") not in published:
            raise invalid(f"No such type of event: {body.get('type')}.", "type")
        with world.lock:
            subject = world.objects.get(str(body.get("object")))
            if subject is None:
                raise missing("object", str(body.get("object")), "object", 400)
            event = world.emit(body["type"], subject)
            world.changed()
            return jsonify(event)

    @pages.get("/deliveries")
    def list_deliveries() -> ResponseReturnValue:
        return jsonify({"deliveries": list(deliveries.log)})

    @pages.get("/idle")
    def idle() -> ResponseReturnValue:
        return jsonify({"pending": deliveries.pending()})


def _add_state(pages: Blueprint, api: Api, deliveries: Deliveries) -> None:
    world = api.world

    @pages.get("/state")
    def state() -> ResponseReturnValue:
        with world.lock:
            return jsonify(Counter(made["object"] for made in world.objects.values()))

    @pages.post("/plant")
    def plant_the_past() -> ResponseReturnValue:
        """``{"subscriptions": [Planting], "payments": [Paid]}`` makes those that are not there yet;
        no event tells."""
        wanted = read(_body())
        with world.lock:
            planted = plant(world, wanted)
            world.changed()
        asked_for = len(wanted.subscriptions) + len(wanted.payments)
        return jsonify(planted=planted, left_alone=asked_for - len(planted))

    @pages.post("/reset")
    def reset() -> ResponseReturnValue:
        with world.lock:
            deliveries.forget()
            api.forget()
            world.forget()
            if world.webhook_url:
                add_webhook_endpoint(world, world.webhook_url)
            world.changed()
        return jsonify({})


def _add_banks(pages: Blueprint, world: World) -> None:
    """What cardholders and their banks do."""

    @pages.post("/cards")
    def replace_card() -> ResponseReturnValue:
        """``{"customer": id, "number": test card}`` charges another card from now on."""
        with world.lock:
            customer = _named(world, "customer")
            method = new_card(world, str(_body().get("number")))
            subscriptions.use_card_everywhere(world, customer, method)
            world.changed()
            return jsonify({"payment_method": method["id"]})

    @pages.post("/card_behaviours")
    def change_behaviour() -> ResponseReturnValue:
        """``{"payment_method": id, "number": test card}``: a saved card behaves as that one now.

        Money came, or its bank blocked it; no event tells of that.
        """
        number = str(_body().get("number"))
        with world.lock:
            method = _named(world, "payment_method")
            if number not in CARDS:
                raise wrong_number()
            world.cards[method["id"]]["number"] = number
            world.changed()
            return jsonify(method)

    @pages.post("/card_updates")
    def update_card() -> ResponseReturnValue:
        """``{"payment_method": id}``: the bank has sent out a new card for the old one."""
        with world.lock:
            method = _named(world, "payment_method")
            with world.changing(method, "payment_method.automatically_updated"):
                method["card"]["exp_year"] += 4
            world.changed()
            return jsonify(method)

    @pages.post("/disputes")
    def dispute() -> ResponseReturnValue:
        """``{"charge": id}`` opens one; ``{"dispute": id, "outcome": "won|lost"}`` decides it."""
        body = _body()
        with world.lock:
            if "charge" in body:
                reason = body.get("reason", "fraudulent")
                made = refunds.open_dispute(world, _named(world, "charge"), reason)
            else:
                made = _named(world, "dispute")
                refunds.close_dispute(world, made, body.get("outcome") == "won")
            world.changed()
            return jsonify(made)

    @pages.post("/fraud_warnings")
    def fraud_warning() -> ResponseReturnValue:
        """``{"charge": id}``"""
        with world.lock:
            refunds.warn_of_fraud(world, _named(world, "charge")["id"])
            world.changed()
            return jsonify({})


def _body() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.")
    return body


def _named(world: World, kind: str) -> Object:
    """The object whose id the body gives under the name of its kind."""
    return world.named(kind, str(_body().get(kind)), kind)
