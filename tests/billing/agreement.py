"""What must agree in the end: the stand-in's objects, read by rules of our own, and our rows.

Nothing here asks the product what a status means or what a subscription is worth, so that both
cannot be wrong in the same way.
"""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.models import Donation, LedgerEntry, StripeEvent, Subscription
from membership.mail.models import OutboxEmail
from membership.money import Money, display
from tests.billing.conftest import Stripe
from tests.billing.reading import rows

Object = dict[str, Any]
# "€5 on 29 February 2028", also after a pause.
ANNOUNCED = re.compile(r"(Paused: )?(?P<sum>\S+?)( again)? on (?P<day>\d+ \w+ \d+)")
AMOUNT_FREE = frozenset({"incomplete", "paused", "ended"})


def assert_agreement(session: Session, stripe: Stripe) -> None:
    """Call when everything was delivered and followed."""
    assert_nothing_was_set_aside(session)
    assert_same_subscriptions(session, stripe)
    assert_same_donations(session, stripe)
    assert_ledger_is_mrr(session, stripe)
    assert_one_live_each(session, stripe)
    assert_no_charge_after_the_end(stripe)
    assert_mails_tell_each_fact_once(session)


# Reading the stand-in


def of_ours(stripe: Stripe, kind: str) -> list[Object]:
    return [each for each in stripe.all(kind) if each["metadata"].get("checkout")]


def item_of(subscription: Object) -> Object:
    (item,) = subscription["items"]["data"]
    return dict(item)


def state_of(subscription: Object) -> str:
    """In our words (rule B11)."""
    status = subscription["status"]
    if status in ("canceled", "incomplete_expired"):
        return "ended"
    if status in ("past_due", "incomplete"):
        return str(status)
    assert status in ("active", "trialing")
    ends_at = subscription["cancel_at"]
    if ends_at and ends_at <= item_of(subscription)["current_period_end"]:
        return "cancel_scheduled"
    return "paused" if subscription["pause_collection"] else "active"


def worth_a_month(subscription: Object) -> int:
    """Minor units; a twelfth of a yearly amount, halves to the even side."""
    if state_of(subscription) in AMOUNT_FREE or subscription["pause_collection"]:
        return 0
    price = item_of(subscription)["price"]
    if price["recurring"]["interval"] == "month":
        return int(price["unit_amount"])
    whole, rest = divmod(price["unit_amount"], 12)
    return int(whole + (rest > 6 or (rest == 6 and whole % 2)))


def charge_of(stripe: Stripe, intent_id: str) -> Object:
    charge = stripe.server.world.objects[intent_id]["latest_charge"]
    return dict(stripe.server.world.objects[charge])


def subscription_of(invoice: Object) -> str:
    return str(invoice["parent"]["subscription_details"]["subscription"])


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# Agreeing


def assert_nothing_was_set_aside(session: Session) -> None:
    unfinished = {"failed", "pending"}
    left = [each for each in rows(session, StripeEvent) if each.state in unfinished]
    assert left == [], [(each.type, each.last_error) for each in left]


def assert_same_subscriptions(session: Session, stripe: Stripe) -> None:
    """An attempt that never gave anything may be unknown to us; all else is the same."""
    at_stripe = {each["id"]: as_stripe_says(each) for each in of_ours(stripe, "subscription")}
    here = {each.stripe_subscription_id: as_our_row_says(each) for each in _subscriptions(session)}
    never_gave = {
        each["id"]
        for each in stripe.all("subscription")
        if each["status"] in ("incomplete", "incomplete_expired")
    }
    for stripe_id in never_gave - here.keys():
        at_stripe.pop(stripe_id, None)
    assert here == at_stripe


def assert_same_live_subscriptions(session: Session, stripe: Stripe) -> None:
    live = {
        each["id"]: as_stripe_says(each)
        for each in of_ours(stripe, "subscription")
        if state_of(each) not in ("incomplete", "ended")
    }
    ours = {each.stripe_subscription_id: as_our_row_says(each) for each in _subscriptions(session)}
    assert {id_: ours.get(id_) for id_ in live} == live


def as_stripe_says(subscription: Object) -> Object:
    item = item_of(subscription)
    return {
        "state": state_of(subscription),
        "amount_minor": item["price"]["unit_amount"] * item["quantity"],
        "currency": subscription["currency"].upper(),
        "interval": item["price"]["recurring"]["interval"],
        "current_period_end_at": moment(item["current_period_end"]),
    }


def as_our_row_says(subscription: Subscription) -> Object:
    names = ("state", "amount_minor", "currency", "interval", "current_period_end_at")
    return {name: getattr(subscription, name) for name in names}


def _subscriptions(session: Session) -> list[Subscription]:
    return rows(session, Subscription)


def assert_same_donations(session: Session, stripe: Stripe) -> None:
    """[L18] A donation for each paid invoice and each one-time payment, net of what went back."""
    assert paid_here(session) == paid_at_stripe(stripe)


def paid_at_stripe(stripe: Stripe) -> Counter[tuple[str, int, str, int, bool]]:
    """(payment intent, amount, currency, given back, taken back by a bank) of all that was paid."""
    ours = {each["id"] for each in of_ours(stripe, "subscription")}
    invoices = {
        each["id"]
        for each in stripe.all("invoice")
        if each["status"] == "paid" and each["amount_paid"] and subscription_of(each) in ours
    }
    intents = {
        each["payment"]["payment_intent"]
        for each in stripe.all("invoice_payment")
        if each["invoice"] in invoices
    }
    intents |= {
        each["id"] for each in of_ours(stripe, "payment_intent") if each["status"] == "succeeded"
    }
    lost = {each["charge"] for each in stripe.all("dispute") if each["status"] != "won"}
    found: Counter[tuple[str, int, str, int, bool]] = Counter()
    for intent in intents:
        charge = charge_of(stripe, intent)
        said = charge["amount"], charge["currency"].upper(), charge["amount_refunded"]
        found[(intent, *said, charge["id"] in lost)] += 1
    return found


def paid_here(session: Session) -> Counter[tuple[str, int, str, int, bool]]:
    return Counter(
        (
            each.stripe_payment_intent_id,
            each.amount_minor,
            each.currency,
            each.refunded_minor,
            each.disputed_at is not None,
        )
        for each in rows(session, Donation)
    )


def assert_ledger_is_mrr(session: Session, stripe: Stripe) -> None:
    """[L15] For each subscription, hence for each currency."""
    worth = {each["id"]: worth_a_month(each) for each in of_ours(stripe, "subscription")}
    here: Counter[str] = Counter()
    ids = {each.id: each.stripe_subscription_id for each in _subscriptions(session)}
    for entry in rows(session, LedgerEntry):
        here[ids[entry.subscription_id]] += entry.amount_minor
    assert {id_: sum_ for id_, sum_ in here.items() if sum_} == {
        id_: minor for id_, minor in worth.items() if minor
    }


def assert_one_live_each(session: Session, stripe: Stripe) -> None:
    """[L1] Whose period ends without a renewal is not counted as a second."""
    live = {
        each["id"]
        for each in of_ours(stripe, "subscription")
        if state_of(each) in ("active", "past_due", "paused")
    }
    givers = Counter(
        each.account_id for each in _subscriptions(session) if each.stripe_subscription_id in live
    )
    assert set(givers.values()) <= {1}, givers


def assert_no_charge_after_the_end(stripe: Stripe) -> None:
    """Neither after a subscription ended, nor for a period after the end that was asked for."""
    ended = {
        each["id"]: each["ended_at"] for each in stripe.all("subscription") if each["ended_at"]
    }
    for invoice in stripe.all("invoice"):
        end = ended.get(subscription_of(invoice))
        if end is not None and invoice["status"] == "paid" and invoice["amount_paid"]:
            assert invoice["status_transitions"]["paid_at"] <= end, invoice["id"]


def assert_mails_tell_each_fact_once(session: Session) -> None:
    """[L16] A receipt for every donation that was not given back at once, one welcome each."""
    told = Counter((each.kind, each.account_id, each.subject) for each in _mails(session))
    assert set(told.values()) <= {1}, told
    welcomes = Counter(each.account_id for each in _mails(session) if each.kind == "welcome")
    assert set(welcomes.values()) <= {1}, welcomes
    receipts = {each.subject for each in _mails(session) if each.kind == "receipt"}
    donations = {f"donation:{each.id}": each for each in rows(session, Donation)}
    assert receipts <= donations.keys()
    without = [donations[name] for name in donations.keys() - receipts]
    assert all(each.refunded_minor or each.disputed_at for each in without), without
    known = {each.id for each in rows(session, Account)}
    assert {each.account_id for each in _mails(session)} <= known | {None}


def _mails(session: Session) -> list[OutboxEmail]:
    return rows(session, OutboxEmail)


# What a page announced


def assert_comes_true(stripe: Stripe, email: str, says: str, before: int) -> None:
    """The first charge for a period that began after `before` has the sum and day announced."""
    world = stripe.server.world
    charged = [
        each
        for each in stripe.all("invoice")
        if each["created"] > before
        and each["amount_due"]
        and each["status"] in ("open", "paid", "uncollectible")
        and each["billing_reason"] != "subscription_create"
        and world.objects[each["customer"]]["email"] == email
    ]
    announced = ANNOUNCED.fullmatch(says)
    if announced is None:
        assert charged == [], says
    elif charged:
        day = moment(charged[0]["created"]).astimezone(ZoneInfo("Europe/Kyiv")).date()
        assert announced["day"] == format_date(day, "d MMMM y", "en")
        sum_ = Money(charged[0]["amount_due"], charged[0]["currency"].upper())
        assert announced["sum"] == display(sum_, "en")
