"""Billing portal sessions; their page lets a customer change the card, see invoices and cancel."""

from typing import Any

from stripe.params.billing_portal import (
    ConfigurationCreateParams,
    ConfigurationListParams,
    ConfigurationRetrieveParams,
    SessionCreateParams,
)

from sandbox.stripe import shapes
from sandbox.stripe.errors import Object, invalid, unsupported
from sandbox.stripe.listing import listing
from sandbox.stripe.routes import retrieve, route
from sandbox.stripe.world import World

FLOWS = frozenset({"payment_method_update", "subscription_cancel"})
KIND = "billing_portal.configuration"


@route(
    "POST",
    "/billing_portal/sessions",
    SessionCreateParams,
    "customer return_url configuration locale flow_data",
)
def create(world: World, params: dict[str, Any]) -> Object:
    if "customer" not in params:
        raise invalid("Missing required param: customer.", "customer", "parameter_missing")
    world.named("customer", params["customer"], "customer")
    if "configuration" in params:
        world.named(KIND, params["configuration"], "configuration")
    session_id = world.new_id("billing_portal.session")
    made = world.add(
        "billing_portal.session",
        id=session_id,
        configuration=params.get("configuration") or _default_configuration(world)["id"],
        customer=params["customer"],
        flow=_flow(world, params["flow_data"]) if "flow_data" in params else None,
        locale=params.get("locale"),
        return_url=params.get("return_url"),
        url=f"{world.base_url}/p/session/{session_id}",
    )
    world.emit("billing_portal.session.created", made)
    return made


def _flow(world: World, given: dict[str, Any]) -> Object:
    if given["type"] not in FLOWS:
        raise unsupported(f"the portal flow {given['type']}")
    redirect = given.get("after_completion", {}).get("redirect")
    made = shapes.part(
        "billing_portal.session",
        "flow",
        type=given["type"],
        after_completion={
            "hosted_confirmation": None,
            "redirect": redirect,
            "type": "redirect" if redirect else "portal_homepage",
        },
    )
    if given["type"] == "subscription_cancel":
        subscription = given["subscription_cancel"]["subscription"]
        world.named("subscription", subscription, "flow_data[subscription_cancel][subscription]")
        made["subscription_cancel"] = {"retention": None, "subscription": subscription}
    return made


@route(
    "POST",
    "/billing_portal/configurations",
    ConfigurationCreateParams,
    "business_profile default_return_url features metadata name",
)
def create_configuration(world: World, params: dict[str, Any]) -> Object:
    profile = params.get("business_profile") or {}
    return new_configuration(
        world,
        _features(params["features"]),
        business_profile=shapes.part(KIND, "business_profile", **profile),
        default_return_url=params.get("default_return_url") or None,
        metadata=params.get("metadata") or {},
        name=params.get("name") or None,
    )


def new_configuration(world: World, features: Object, **given: Any) -> Object:
    given.setdefault("business_profile", shapes.part(KIND, "business_profile"))
    given.setdefault("metadata", {})
    made = world.add(
        KIND,
        active=True,
        features=features,
        is_default=given.pop("is_default", False),
        login_page={"enabled": False, "url": None},
        updated=world.now(),
        **given,
    )
    world.emit("billing_portal.configuration.created", made)
    return made


def _features(given: dict[str, Any]) -> Object:
    """What a portal with these features offers; what is not named is off."""
    for name in ("customer_update", "subscription_pause", "subscription_update"):
        if given.get(name, {}).get("enabled"):
            raise unsupported(f"a portal with {name}")
    cancel = given.get("subscription_cancel", {"enabled": False})
    if cancel.get("mode", "at_period_end") != "at_period_end":
        raise unsupported(f"a portal that cancels {cancel['mode']}")
    off = {"enabled": False}
    return {
        "customer_update": {"allowed_updates": [], **off},
        "invoice_history": dict(given.get("invoice_history", off)),
        "payment_method_update": {
            "payment_method_configuration": None,
            **given.get("payment_method_update", off),
        },
        "subscription_cancel": {
            "cancellation_reason": {"options": [], **off},
            "mode": "at_period_end",
            "proration_behavior": "none",
            **cancel,
        },
        "subscription_pause": {
            "duration": {"interval_options": [], "type": "indefinite"},
            **off,
        },
        "subscription_update": {
            "default_allowed_updates": [],
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
            **off,
        },
    }


def _default_configuration(world: World) -> Object:
    for configuration in world.all(KIND):
        if configuration["is_default"]:
            return configuration
    on = {"enabled": True}
    everything = {"invoice_history": on, "payment_method_update": on, "subscription_cancel": on}
    return new_configuration(world, _features(everything), is_default=True)


retrieve(KIND, "/billing_portal/configurations", ConfigurationRetrieveParams)
listing(KIND, "/billing_portal/configurations", ConfigurationListParams, "active is_default")
