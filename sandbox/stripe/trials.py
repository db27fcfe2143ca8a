"""A trial within a running subscription, which moves its next charge.

https://docs.stripe.com/billing/subscriptions/billing-cycle: until the trial ends nothing is
charged, an invoice of nothing says so, and the billing cycle begins anew where it ends.
"""

from typing import Any

from sandbox.stripe import collection, invoices
from sandbox.stripe.billing_cycle import DAY
from sandbox.stripe.errors import Object, invalid, unsupported
from sandbox.stripe.subscriptions import period_end, period_start, schedule_period
from sandbox.stripe.world import World, due

END_NOTICE = 3 * DAY
LONGEST = 730 * DAY


def check(world: World, subscription: Object, params: dict[str, Any]) -> None:
    """Raises ApiError when a trial cannot be until ``params["trial_end"]``."""
    at = params["trial_end"]
    if not isinstance(at, int):
        raise unsupported(f"trial_end={at}")
    if at <= world.now():
        raise invalid("trial_end must be a timestamp in the future.", "trial_end")
    # As the reference says; the service itself has been seen to count from now.
    if at > subscription["billing_cycle_anchor"] + LONGEST:
        raise invalid("The maximum number of trial period days is 730 (2 years).", "trial_end")
    if subscription["status"] == "trialing" and at == subscription["trial_end"]:
        return
    if subscription["status"] != "active":
        raise unsupported(f"trial_end of a subscription that is {subscription['status']}")
    if params.get("proration_behavior") != "none":
        raise unsupported("prorations: send proration_behavior=none")


def begin(world: World, subscription: Object, at: int) -> None:
    """Nothing is charged before ``at``; from then on, a new cycle. The same again is nothing."""
    if subscription["status"] == "trialing":
        return
    now = world.now()
    started = period_start(subscription)
    subscription.update(status="trialing", trial_start=now, trial_end=at, billing_cycle_anchor=at)
    if subscription["cancel_at"] == period_end(subscription):
        subscription["cancel_at"] = at
    for item in subscription["items"]["data"]:
        item.update(current_period_start=now, current_period_end=at)
    schedule_period(world, subscription)
    world.schedule(max(at - END_NOTICE, now + 1), "subscription.trial_will_end", subscription["id"])
    invoice = invoices.new_invoice(world, subscription, "subscription_update", (started, now))
    invoices.finalize(world, invoice)
    collection.pay(world, invoice)


@due("subscription.trial_will_end")
def announce_end(world: World, subscription_id: str) -> None:
    subscription = world.objects[subscription_id]
    if subscription["status"] == "trialing":
        world.emit("customer.subscription.trial_will_end", subscription)
