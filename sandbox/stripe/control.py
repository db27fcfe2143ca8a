"""``/sandbox/*``: what tests and the demo may do that Stripe's customers cannot."""

from collections import Counter
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.stripe import refunds, subscriptions
from sandbox.stripe.account import add_webhook_endpoint
from sandbox.stripe.api import Api
from sandbox.stripe.errors import ApiError, Object, invalid
from sandbox.stripe.payment_methods import new_card
from sandbox.stripe.webhooks import WAYS, Deliveries


def control_pages(api: Api, deliveries: Deliveries) -> Blueprint:
    """The blueprint; all bodies are JSON."""
    pages = Blueprint("control", __name__, url_prefix="/sandbox")
    world = api.world

    @pages.errorhandler(ApiError)
    def refuse(error: ApiError) -> ResponseReturnValue:
        return jsonify(error.body), error.status

    @pages.post("/clock")
    def advance_clock() -> ResponseReturnValue:
        seconds = _body().get("advance")
        if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
            raise invalid("advance must be a whole number of seconds, 0 or more.", "advance")
        with world.lock:
            world.advance(seconds)
            world.save()
            return jsonify({"now": world.now()})

    @pages.get("/clock")
    def clock() -> ResponseReturnValue:
        return jsonify({"now": world.now()})

    @pages.post("/faults")
    def set_faults() -> ResponseReturnValue:
        body = _body()
        _check_faults(body)
        deliveries.way = body.get("webhooks", deliveries.way)
        deliveries.delay = body.get("webhook_delay", deliveries.delay)
        api.faults.rate = body.get("api_error_rate", api.faults.rate)
        api.faults.script = list(body.get("api_errors", api.faults.script))
        return jsonify(
            {
                "webhooks": deliveries.way,
                "api_error_rate": api.faults.rate,
                "api_errors": api.faults.script,
            }
        )

    @pages.post("/webhooks/resend")
    def resend() -> ResponseReturnValue:
        event = _named("event", "event")
        deliveries.resend(event["id"])
        return jsonify({"queued": event["id"]})

    @pages.get("/deliveries")
    def list_deliveries() -> ResponseReturnValue:
        return jsonify({"deliveries": list(deliveries.log)})

    @pages.get("/idle")
    def idle() -> ResponseReturnValue:
        return jsonify({"pending": deliveries.pending()})

    @pages.get("/state")
    def state() -> ResponseReturnValue:
        with world.lock:
            return jsonify(Counter(made["object"] for made in world.objects.values()))

    @pages.post("/reset")
    def reset() -> ResponseReturnValue:
        with world.lock:
            deliveries.forget()
            api.forget()
            world.forget()
            if world.webhook_url:
                add_webhook_endpoint(world, world.webhook_url)
            world.save()
        return jsonify({})

    @pages.post("/cards")
    def replace_card() -> ResponseReturnValue:
        """Puts another test card behind a customer and all its subscriptions."""
        with world.lock:
            customer = _named("customer", "customer")
            method = new_card(world, str(_body().get("number")))
            subscriptions.use_card_everywhere(world, customer, method)
            world.save()
            return jsonify({"payment_method": method["id"]})

    @pages.post("/disputes")
    def dispute() -> ResponseReturnValue:
        """``{"charge": id}`` opens one; ``{"dispute": id, "outcome": "won|lost"}`` decides it."""
        with world.lock:
            if "charge" in _body():
                made = refunds.open_dispute(
                    world, _named("charge", "charge"), _body().get("reason", "fraudulent")
                )
            else:
                made = _named("dispute", "dispute")
                refunds.close_dispute(world, made, _body().get("outcome") == "won")
            world.save()
            return jsonify(made)

    @pages.post("/fraud_warnings")
    def fraud_warning() -> ResponseReturnValue:
        with world.lock:
            refunds.warn_of_fraud(world, _named("charge", "charge")["id"])
            world.save()
            return jsonify({})

    def _named(kind: str, name: str) -> Object:
        return world.named(kind, str(_body().get(name)), name)

    return pages


def _body() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.")
    return body


def _check_faults(body: dict[str, Any]) -> None:
    unknown = body.keys() - {"webhooks", "webhook_delay", "api_error_rate", "api_errors"}
    if unknown:
        raise invalid(f"Unknown fault: {min(unknown)}.", min(unknown))
    if body.get("webhooks", "ok") not in WAYS:
        raise invalid(f"webhooks must be one of {', '.join(WAYS)}.", "webhooks")
    rate = body.get("api_error_rate", 0)
    if not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise invalid("api_error_rate must lie between 0 and 1.", "api_error_rate")
