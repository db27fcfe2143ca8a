"""Billing portal sessions; their page lets a customer change the card, see invoices and cancel."""

from typing import Any

from stripe.params.billing_portal import (
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


def _default_configuration(world: World) -> Object:
    for configuration in world.all(KIND):
        return configuration
    off = {"enabled": False}
    return world.add(
        KIND,
        active=True,
        business_profile=shapes.part(KIND, "business_profile"),
        features={
            "customer_update": {"allowed_updates": [], **off},
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True, "payment_method_configuration": None},
            "subscription_cancel": {
                "cancellation_reason": {"options": [], **off},
                "enabled": True,
                "mode": "at_period_end",
                "proration_behavior": "none",
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
        },
        is_default=True,
        login_page={"enabled": False, "url": None},
        metadata={},
        updated=world.now(),
    )


retrieve(KIND, "/billing_portal/configurations", ConfigurationRetrieveParams)
listing(KIND, "/billing_portal/configurations", ConfigurationListParams, "active is_default")
