"""The account, its webhook endpoint and its events."""

from typing import Any

from stripe.params import (
    AccountRetrieveCurrentParams,
    EventListParams,
    EventRetrieveParams,
    WebhookEndpointListParams,
    WebhookEndpointRetrieveParams,
)

from sandbox.stripe import shapes
from sandbox.stripe.billing_cycle import DAY
from sandbox.stripe.errors import Object, invalid
from sandbox.stripe.listing import listing, matches, page_of
from sandbox.stripe.routes import retrieve, route
from sandbox.stripe.world import API_VERSION, World

EVENTS_KEPT_FOR = 30 * DAY


@route("GET", "/account", AccountRetrieveCurrentParams)
def current_account(world: World, params: dict[str, Any]) -> Object:
    return {
        "id": "acct_1KavaStandIn0000",
        "object": "account",
        "business_profile": shapes.part("account", "business_profile", name=world.merchant),
        "business_type": "non_profit",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": None,
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": shapes.part("account", "settings", "branding"),
            "card_payments": shapes.part("account", "settings", "card_payments"),
            "dashboard": {"display_name": world.merchant, "timezone": "Etc/UTC"},
            "payments": shapes.part("account", "settings", "payments"),
        },
        "type": "standard",
    }


def add_webhook_endpoint(world: World, url: str) -> None:
    """All events go to the one endpoint that the stand-in was started with."""
    for endpoint in world.all("webhook_endpoint"):
        endpoint["url"] = url
        return
    world.add(
        "webhook_endpoint",
        api_version=API_VERSION,
        enabled_events=["*"],
        status="enabled",
        url=url,
    )


@route("GET", "/events", EventListParams, "type types created delivery_success")
def list_events(world: World, params: dict[str, Any]) -> Object:
    if "type" in params and "types" in params:
        raise invalid("You may only specify one of these parameters: type, types.", "type")
    return page_of(
        world, "event", lambda event: _is_wanted(world, event, params), params, "/v1/events"
    )


def _is_wanted(world: World, event: Object, params: dict[str, Any]) -> bool:
    """``delivery_success=false`` also finds what is still on its way, as Stripe's does."""
    delivered = event["pending_webhooks"] == 0
    return (
        event["created"] > world.now() - EVENTS_KEPT_FOR
        and matches(event, params, "created")
        and _has_type(event["type"], params)
        and params.get("delivery_success", delivered) == delivered
    )


def _has_type(event_type: str, params: dict[str, Any]) -> bool:
    wanted = [params["type"]] if "type" in params else params.get("types")
    if wanted is None:
        return True
    return any(
        event_type == name or (name.endswith("*") and event_type.startswith(name[:-1]))
        for name in wanted
    )


retrieve("event", "/events", EventRetrieveParams)
retrieve("webhook_endpoint", "/webhook_endpoints", WebhookEndpointRetrieveParams)
listing("webhook_endpoint", "/webhook_endpoints", WebhookEndpointListParams)
