"""Customers."""

from typing import Any

from stripe.params import (
    CustomerCreateParams,
    CustomerDeleteParams,
    CustomerListParams,
    CustomerPaymentMethodListParams,
    CustomerRetrieveParams,
    CustomerUpdateParams,
)

from sandbox.stripe import shapes
from sandbox.stripe.errors import Object
from sandbox.stripe.listing import included, listing, page
from sandbox.stripe.payment_methods import attach, resolve
from sandbox.stripe.routes import assign, retrieve, route
from sandbox.stripe.subscriptions import LIVE, end
from sandbox.stripe.world import World

PLAIN = "email name description phone address shipping preferred_locales tax_exempt metadata"
TAKES = PLAIN + " invoice_settings payment_method"


def new_customer(
    world: World,
    email: str | None = None,
    name: str | None = None,
    customer_id: str | None = None,
) -> Object:
    customer_id = customer_id or world.new_id("customer")
    made = world.add(
        "customer",
        id=customer_id,
        balance=0,
        delinquent=False,
        email=email,
        invoice_prefix=customer_id[-8:].upper(),
        invoice_settings=shapes.part("customer", "invoice_settings"),
        metadata={},
        name=name,
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt="none",
    )
    made.pop("invoice_credit_balance", None)
    return made


def set_default_card(world: World, customer: Object, payment_method: str) -> None:
    """The card for all future invoices; it must be the customer's own."""
    world.named("payment_method", payment_method, "invoice_settings[default_payment_method]")
    customer["invoice_settings"]["default_payment_method"] = payment_method


@route("POST", "/customers", CustomerCreateParams, TAKES)
def create(world: World, params: dict[str, Any]) -> Object:
    method = resolve(world, params["payment_method"]) if "payment_method" in params else None
    made = new_customer(world)
    assign(made, params, PLAIN)
    _assign_invoice_settings(world, made, params)
    world.emit("customer.created", made)
    if method:
        attach(world, method, made["id"])
    return made


@route("POST", "/customers/*", CustomerUpdateParams, TAKES.replace(" payment_method", ""))
def update(world: World, params: dict[str, Any], customer_id: str) -> Object:
    customer = world.named("customer", customer_id, "id")
    with world.changing(customer, "customer.updated"):
        assign(customer, params, PLAIN)
        _assign_invoice_settings(world, customer, params)
    return customer


def _assign_invoice_settings(world: World, customer: Object, params: dict[str, Any]) -> None:
    given = params.get("invoice_settings") or {}
    if given.get("default_payment_method"):
        set_default_card(world, customer, given["default_payment_method"])
    elif "default_payment_method" in given:
        customer["invoice_settings"]["default_payment_method"] = None


@route("DELETE", "/customers/*", CustomerDeleteParams)
def delete(world: World, params: dict[str, Any], customer_id: str) -> Object:
    customer = world.get("customer", customer_id)
    for subscription in world.all("subscription"):
        if subscription["customer"] == customer_id and subscription["status"] in LIVE:
            end(world, subscription, "cancellation_requested")
    if not customer.get("deleted"):
        world.emit("customer.deleted", customer)
    world.objects[customer_id] = shapes.deleted("customer", customer_id)
    return world.objects[customer_id]


@route("GET", "/customers/*/payment_methods", CustomerPaymentMethodListParams, "type")
def list_cards(world: World, params: dict[str, Any], customer_id: str) -> Object:
    world.named("customer", customer_id, "customer")
    entries = [m for m in world.all("payment_method") if m["customer"] == customer_id]
    return page("payment_method", entries, params, f"/v1/customers/{customer_id}/payment_methods")


retrieve("customer", "/customers", CustomerRetrieveParams)
listing("customer", "/customers", CustomerListParams, "email created")


@included("customer", "subscriptions")
def live_subscriptions(world: World, customer: Object) -> Object:
    entries = [
        subscription
        for subscription in world.all("subscription")
        if subscription["customer"] == customer["id"] and subscription["status"] in LIVE
    ]
    return page("subscription", entries, {}, f"/v1/customers/{customer['id']}/subscriptions")
