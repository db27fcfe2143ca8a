"""Subscriptions and payments from before the stand-in began, as an invented past wants them."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.stripe import amounts, catalog, payments
from sandbox.stripe.billing_cycle import period_start
from sandbox.stripe.customers import new_customer, set_default_card
from sandbox.stripe.errors import Object, invalid
from sandbox.stripe.payment_methods import attach, new_card
from sandbox.stripe.subscription_requests import pause_collection
from sandbox.stripe.subscriptions import (
    mark_cancellation,
    new_subscription,
    period_end,
    schedule_period,
)
from sandbox.stripe.world import World

PAYS, FAILS_LATER = "4242424242424242", "4000000000000341"
NAMES = {"month": "Monthly support", "year": "Yearly support"}


class Planting(BaseModel):
    """A subscription under way; minor units per interval, seconds since the epoch.

    The card pays, or keeps failing if the subscription is past due. A pause lasts until the
    period ends.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(pattern=r"^sub_\w+$")
    customer: str = Field(pattern=r"^cus_\w+$")
    email: str
    name: str | None
    amount: int = Field(gt=0)
    currency: str = Field(pattern=r"^[a-z]{3}$")
    interval: Literal["month", "year"]
    started_at: int
    current_period_end_at: int
    status: Literal["active", "past_due"]
    cancel_at_period_end: bool
    paused: bool
    metadata: dict[str, str]
    # Year and month in which the card ends.
    card_expires: tuple[int, int] = Field((2034, 12), strict=False)


class Paid(BaseModel):
    """A payment that succeeded, of which nothing went back; by a card that nobody has kept.

    Amount and fee in minor units, seconds since the epoch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(pattern=r"^pi_\w+$")
    amount: int = Field(gt=0)
    currency: str = Field(pattern=r"^[a-z]{3}$")
    fee: int = Field(ge=0)
    paid_at: int
    metadata: dict[str, str]


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    subscriptions: list[Planting]
    payments: list[Paid] = []


def read(body: dict[str, Any]) -> Wanted:
    """Raises ApiError 400 that names the first field that is missing, unknown or malformed."""
    try:
        return Wanted.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        param = ".".join(map(str, first["loc"]))
        raise invalid(f"{param}: {first['msg']}.", param) from None


def plant(world: World, wanted: Wanted) -> list[str]:
    """Makes what is not there yet, subscriptions with customer and card; the ids.

    What has happened to them until now is told by no event. Raises ApiError 400, with nothing
    made, when one does not fit.
    """
    now = world.now()
    world.run_due()
    fresh = {each.id: each for each in wanted.subscriptions if each.id not in world.objects}
    paid = {each.id: each for each in wanted.payments if each.id not in world.objects}
    for each in fresh.values():
        _check(world, each)
    for payment in paid.values():
        amounts.check_amount(payment.amount, payment.currency, "amount")
    _pay(world, paid.values())
    for each in fresh.values():
        with world.unheard(at=each.started_at):
            _begin(world, each)
    with world.unheard(at=now):
        world.run_due()
        for each in fresh.values():
            _mark(world, each)
    return [*fresh, *paid]


def _pay(world: World, paid: Iterable[Paid]) -> None:
    card = None
    for each in paid:
        with world.unheard(at=each.paid_at):
            card = card or new_card(world, PAYS)
            made = payments.new_intent(
                world, each.amount, each.currency, id=each.id, metadata=dict(each.metadata)
            )
            payments.confirm(world, made, card)
        charge = world.objects[made["latest_charge"]]
        settled = world.objects[charge["balance_transaction"]]
        settled.update(fee=each.fee, net=each.amount - each.fee)
        settled["fee_details"][0]["amount"] = each.fee


def _check(world: World, each: Planting) -> None:
    amounts.check_amount(each.amount, each.currency, "amount")
    if each.customer in world.objects:
        world.named("customer", each.customer, "customer")
    _first_period(each)
    if each.current_period_end_at <= world.now():
        raise invalid(f"The period of {each.id} has ended already.", "current_period_end_at")


def _first_period(each: Planting) -> tuple[int, int]:
    """The period to plant; one earlier when past due, since its renewal is what failed.

    Raises ApiError 400 when the times do not belong to one cycle.
    """
    start = _period_start(each, each.current_period_end_at)
    if each.status == "active":
        return start, each.current_period_end_at
    return _period_start(each, start), start


def _period_start(each: Planting, end: int) -> int:
    start = period_start(each.started_at, each.interval, 1, end)
    if start is None:
        raise invalid(
            f"No such period of {each.id} ends then, having begun at started_at.",
            "current_period_end_at",
        )
    return start


def _begin(world: World, each: Planting) -> None:
    """The subscription as it is in its first planted period."""
    customer = world.objects.get(each.customer) or _customer(world, each)
    data = {
        "currency": each.currency,
        "product_data": {"name": NAMES[each.interval]},
        "recurring": {"interval": each.interval},
        "unit_amount": each.amount,
    }
    price = catalog.price_of(world, {"price_data": data}, "price")
    made = new_subscription(
        world, customer, [(price, 1)], id=each.id, metadata=dict(each.metadata), status="active"
    )
    start, end = _first_period(each)
    made["items"]["data"][0].update(current_period_start=start, current_period_end=end)
    schedule_period(world, made)


def _customer(world: World, each: Planting) -> Object:
    made = new_customer(world, each.email, each.name, each.customer)
    number = FAILS_LATER if each.status == "past_due" else PAYS
    year, month = each.card_expires
    card = new_card(world, number, month, year, email=each.email, name=each.name)
    attach(world, card, made["id"])
    set_default_card(world, made, card["id"])
    return made


def _mark(world: World, each: Planting) -> None:
    """What its giver has asked for since."""
    made = world.objects[each.id]
    if each.cancel_at_period_end:
        mark_cancellation(world, made, True)
    if each.paused:
        pause_collection(world, made, {"behavior": "void", "resumes_at": period_end(made)})
