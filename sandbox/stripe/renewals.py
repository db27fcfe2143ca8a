"""What time does to subscriptions: renewal, its announcement, the ends that were planned."""

from sandbox.stripe import collection, invoices
from sandbox.stripe.billing_cycle import next_period_end
from sandbox.stripe.errors import Object
from sandbox.stripe.subscriptions import (
    LIVE,
    RENEWING,
    UPCOMING_NOTICE,
    end,
    period_end,
    period_start,
    schedule_period,
)
from sandbox.stripe.world import World, due


@due("subscription.expire")
def expire(world: World, subscription_id: str) -> None:
    """A first payment that did not come within 23 hours ends the attempt."""
    subscription = world.objects[subscription_id]
    if subscription["status"] != "incomplete":
        return
    with world.changing(subscription, "customer.subscription.updated"):
        end(world, subscription, "", status="incomplete_expired")
    invoices.void(world, world.objects[subscription["latest_invoice"]])


@due("subscription.upcoming")
def announce(world: World, subscription_id: str) -> None:
    subscription = world.objects[subscription_id]
    until_renewal = period_end(subscription) - world.now()
    if (
        subscription["status"] not in RENEWING
        or subscription["cancel_at"]
        or not 0 < until_renewal <= UPCOMING_NOTICE
    ):
        return
    invoice = upcoming_invoice(world, subscription)
    del invoice["id"]
    world.emit("invoice.upcoming", invoice)


def upcoming_invoice(world: World, subscription: Object) -> Object:
    """What the next invoice will say; it is not kept."""
    at = period_end(subscription)
    preview = {**subscription, "items": {"data": []}}
    preview["items"]["data"] = [
        {
            **item,
            "current_period_start": at,
            "current_period_end": _following_end(subscription, item),
        }
        for item in subscription["items"]["data"]
    ]
    invoice = invoices.draft(world, preview, "upcoming", (period_start(subscription), at))
    invoice["next_payment_attempt"] = at + invoices.DRAFT_FOR
    invoice["created"] = at
    invoice["id"] = "upcoming_" + invoice["id"]
    for line in invoice["lines"]["data"]:
        line["invoice"] = invoice["id"]
    invoice["lines"]["url"] = f"/v1/invoices/{invoice['id']}/lines"
    return invoice


def _following_end(subscription: Object, item: Object) -> int:
    recurring = item["price"]["recurring"]
    return next_period_end(
        subscription["billing_cycle_anchor"],
        recurring["interval"],
        recurring["interval_count"],
        item["current_period_end"],
    )


@due("subscription.period_end")
def close_period(world: World, subscription_id: str) -> None:
    """Renews, or ends if that was asked for."""
    subscription = world.objects[subscription_id]
    if subscription["status"] not in RENEWING or period_end(subscription) != world.now():
        return
    if subscription["cancel_at"] and subscription["cancel_at"] <= world.now():
        end(world, subscription, "cancellation_requested")
        return
    started = period_start(subscription)
    with world.changing(subscription, "customer.subscription.updated"):
        if subscription["status"] == "trialing":
            subscription["status"] = "active"
        for item in subscription["items"]["data"]:
            following = _following_end(subscription, item)
            item["current_period_start"] = item["current_period_end"]
            item["current_period_end"] = following
        invoice = invoices.new_invoice(
            world, subscription, "subscription_cycle", (started, world.now())
        )
    schedule_period(world, subscription)
    if _is_kept_as_draft(subscription):
        invoice["auto_advance"] = False
    else:
        invoice["automatically_finalizes_at"] = world.now() + invoices.DRAFT_FOR
        world.schedule(invoice["automatically_finalizes_at"], "invoice.advance", invoice["id"])


def _is_kept_as_draft(subscription: Object) -> bool:
    return (subscription["pause_collection"] or {}).get("behavior") == "keep_as_draft"


@due("invoice.advance")
def advance_invoice(world: World, invoice_id: str) -> None:
    """An hour after its creation: finalized, and charged unless collection is paused."""
    invoice = world.objects[invoice_id]
    subscription = invoices.subscription_of(world, invoice)
    is_wanted = invoice["status"] == "draft" and invoice["auto_advance"]
    # That its subscription was cancelled meanwhile stops no draft.
    if not is_wanted or subscription["status"] not in (*RENEWING, "canceled"):
        return
    if world.objects[invoice["customer"]].get("deleted"):
        return
    invoices.finalize(world, invoice)
    pause = subscription["pause_collection"]
    if pause is None:
        collection.pay(world, invoice)
    elif pause["behavior"] == "void":
        invoices.void(world, invoice)
    else:
        invoices.mark_uncollectible(world, invoice)


@due("subscription.resume")
def resume(world: World, subscription_id: str) -> None:
    subscription = world.objects[subscription_id]
    pause = subscription["pause_collection"]
    if pause and pause["resumes_at"] == world.now():
        with world.changing(subscription, "customer.subscription.updated"):
            subscription["pause_collection"] = None


@due("subscription.cancel_at")
def cancel_as_planned(world: World, subscription_id: str) -> None:
    subscription = world.objects[subscription_id]
    if subscription["status"] in LIVE and subscription["cancel_at"] == world.now():
        end(world, subscription, "cancellation_requested")
