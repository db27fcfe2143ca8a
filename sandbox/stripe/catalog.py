"""Products and prices, also those given inline as ``price_data``."""

from typing import Any

from stripe.params import (
    PriceCreateParams,
    PriceListParams,
    PriceRetrieveParams,
    PriceUpdateParams,
    ProductCreateParams,
    ProductListParams,
    ProductRetrieveParams,
    ProductUpdateParams,
)

from sandbox.stripe.amounts import check_amount, display
from sandbox.stripe.errors import Object, invalid, unsupported
from sandbox.stripe.listing import listing
from sandbox.stripe.routes import assign, retrieve, route
from sandbox.stripe.world import World

PRICE_DATA = frozenset({"currency", "product", "product_data", "recurring", "unit_amount"})


def new_product(world: World, name: str, active: bool = True, **given: Any) -> Object:
    made = world.add(
        "product",
        name=name,
        active=active,
        metadata=given.pop("metadata", None) or {},
        type="service",
        updated=world.now(),
        **given,
    )
    world.emit("product.created", made)
    return made


def new_price(
    world: World,
    product: str,
    currency: str,
    unit_amount: int,
    recurring: Object | None = None,
    active: bool = True,
    **given: Any,
) -> Object:
    made = world.add(
        "price",
        active=active,
        billing_scheme="per_unit",
        currency=currency,
        product=product,
        recurring=recurring and _recurring(recurring),
        tax_behavior="unspecified",
        type="recurring" if recurring else "one_time",
        unit_amount=unit_amount,
        unit_amount_decimal=str(unit_amount),
        **given,
    )
    world.emit("price.created", made)
    return made


def _recurring(given: Object) -> Object:
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def check_price_data(world: World, data: dict[str, Any], param: str) -> None:
    """Raises ApiError for inline price data that cannot become a price."""
    beyond = data.keys() - PRICE_DATA
    if beyond:
        raise unsupported(f"{param}[{min(beyond)}]")
    if "unit_amount" not in data:
        raise invalid(
            f"Missing required param: {param}[unit_amount].",
            f"{param}[unit_amount]",
            "parameter_missing",
        )
    check_amount(data["unit_amount"], data["currency"].lower(), f"{param}[unit_amount]")
    if "product" in data:
        world.named("product", data["product"], f"{param}[product]")
    elif "product_data" not in data:
        raise invalid(
            f"Missing required param: {param}[product].", f"{param}[product]", "parameter_missing"
        )


def price_of(world: World, item: dict[str, Any], param: str) -> Object:
    """The price of a line or item: by id, or made from ``price_data`` (inactive, as Stripe's)."""
    if "price" in item:
        return world.named("price", item["price"], f"{param}[price]")
    if "price_data" not in item:
        raise invalid(
            f"Missing required param: {param}[price].", f"{param}[price]", "parameter_missing"
        )
    data = item["price_data"]
    check_price_data(world, data, f"{param}[price_data]")
    product = data.get("product")
    if product is None:
        described = dict(data["product_data"])
        product = new_product(world, described.pop("name"), active=False, **described)["id"]
    return new_price(
        world,
        product,
        data["currency"].lower(),
        data["unit_amount"],
        data.get("recurring"),
        active=False,
    )


def describe(world: World, price: Object) -> str:
    """Such as ``Monthly support (at 5.00 USD / month)``."""
    name = str(world.objects[price["product"]]["name"])
    amount = display(price["unit_amount"], price["currency"])
    return f"{name} (at {amount}{per(price)})"


def per(price: Object) -> str:
    """`` / month``, `` every 3 months``, or nothing for a one-time price."""
    recurring = price["recurring"]
    if not recurring:
        return ""
    count = recurring["interval_count"]
    interval = recurring["interval"]
    return f" / {interval}" if count == 1 else f" every {count} {interval}s"


@route(
    "POST",
    "/products",
    ProductCreateParams,
    "id name description metadata images active statement_descriptor unit_label url "
    "default_price_data",
)
def create_product(world: World, params: dict[str, Any]) -> Object:
    if params.get("id") in world.objects:
        raise invalid(f"Product already exists: {params['id']}", "id", "resource_already_exists")
    price_data = params.pop("default_price_data", None)
    params.pop("expand", None)
    made = new_product(world, params.pop("name"), **params)
    if price_data:
        price = price_of(world, {"price_data": {**price_data, "product": made["id"]}}, "default")
        price["active"] = True
        made["default_price"] = price["id"]
    return made


@route("POST", "/products/*", ProductUpdateParams, "name description metadata images active url")
def update_product(world: World, params: dict[str, Any], product_id: str) -> Object:
    product = world.get("product", product_id)
    with world.changing(product, "product.updated"):
        assign(product, params, "name description metadata images active url")
    return product


@route(
    "POST",
    "/prices",
    PriceCreateParams,
    "currency product product_data unit_amount recurring metadata nickname lookup_key active",
)
def create_price(world: World, params: dict[str, Any]) -> Object:
    data = {name: params[name] for name in PRICE_DATA & params.keys()}
    made = price_of(world, {"price_data": data}, "price")
    made["active"] = params.get("active", True)
    assign(made, params, "metadata nickname lookup_key")
    return made


@route("POST", "/prices/*", PriceUpdateParams, "active metadata nickname lookup_key")
def update_price(world: World, params: dict[str, Any], price_id: str) -> Object:
    price = world.get("price", price_id)
    with world.changing(price, "price.updated"):
        assign(price, params, "active metadata nickname lookup_key")
    return price


retrieve("product", "/products", ProductRetrieveParams)
retrieve("price", "/prices", PriceRetrieveParams)
listing("product", "/products", ProductListParams, "active created")
listing("price", "/prices", PriceListParams, "active product currency type created")
