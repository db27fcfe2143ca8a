"""Events in every order, told late, and every kind of event ten times at once."""

from collections import Counter
from contextlib import ExitStack
from itertools import permutations
from typing import Any

from tests.faults.steps import (
    FAILS_LATER,
    PAYS,
    Reader,
    assert_one_gift,
    at_once,
    at_stripe,
    donations,
    events_of,
    ledger,
    mails_about,
    personal_mails,
    redeliver,
    renew,
    settle,
    stripe_customers,
    stripe_now,
    subscriptions,
    wait_for_all_mails,
)
from tests.system import System, wait_until

DAY = 86400
FOUR = (
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "invoice.paid",
)


def test_all_orders_of_the_four_events_give_the_same_rows(system: System) -> None:
    """[L4] [B3] Twenty-four readers, each of whose four events come in another order."""
    system.sandbox("faults", webhooks="drop")
    orders = list(permutations(FOUR))
    began = stripe_now(system)
    with ExitStack() as stack:
        readers = [
            stack.enter_context(Reader(system, f"order{number}@reader.example"))
            for number in range(len(orders))
        ]
        for reader in readers:
            reader.give()
    waiting = [
        {event["type"]: event for event in events_of(system, reader.email, began)}
        for reader in readers
    ]
    for place in range(len(FOUR)):
        for events, order in zip(waiting, orders, strict=True):
            assert redeliver(system, events[order[place]]) == 200
        settle(system)
    rows = [final_rows(system, reader.email) for reader in readers]
    assert rows == [rows[0]] * len(orders)
    for reader in readers:
        assert_one_gift(system, reader.email)


def final_rows(system: System, email: str) -> Any:
    """What must be the same for all, without ids and moments."""
    (given,) = subscriptions(system, email)
    (donation,) = donations(system, email)
    checkout = "SELECT state FROM checkout WHERE email = :email"
    return {
        "checkout": system.rows(checkout, email=email),
        "subscription": [given[name] for name in ("state", "amount_minor", "currency", "interval")],
        "donation": [donation[name] for name in ("amount_minor", "fee_minor", "refunded_minor")],
        "belongs": donation["subscription_id"] == given["id"],
        "ledger": ledger(system, email),
    }


def test_what_was_true_before_the_end_changes_nothing_after_it(system: System) -> None:
    """[B3] [L4] `updated`, saying active, is told after `deleted`; also signed and new."""
    with Reader(system, "stale@reader.example") as reader:
        reader.give()
        settle(system)
        stale = [
            event
            for event in events_of(system, reader.email)
            if event["type"] == "customer.subscription.updated"
        ][-1]
        assert stale["data"]["object"]["status"] == "active"
        (given,) = at_stripe(system, reader.email, "subscriptions")
        system.stripe_api("DELETE", f"subscriptions/{given['id']}")
        wait_until(
            lambda: subscriptions(system, reader.email)[0]["state"] == "ended", "the end of it"
        )
        settle(system)
        before = whole_rows(system, reader.email)
        for event in (stale, stale | {"id": "evt_told_anew"}):
            assert redeliver(system, event) == 200
        settle(system)
        assert whole_rows(system, reader.email) == before


def whole_rows(system: System, email: str) -> Any:
    given = [
        {name: value for name, value in each.items() if name != "synced_at"}
        for each in subscriptions(system, email)
    ]
    return given, donations(system, email), ledger(system, email), mails_about(system, email)


class Told:
    """A patron of whose life we hear only through `ten_times()`."""

    def __init__(self, reader: Reader) -> None:
        self.system, self.email = reader.system, reader.email
        self.since = stripe_now(self.system)
        self.told: dict[str, str] = {}

    def ten_times(self) -> None:
        """Every new event of theirs ten times at once, the last ones first."""
        for event in reversed(events_of(self.system, self.email, self.since)):
            if event["id"] not in self.told:
                answers = at_once(*[lambda event=event: redeliver(self.system, event)] * 10)
                assert set(answers) == {200}, event["type"]
                self.told[event["id"]] = event["type"]
        settle(self.system)

    @property
    def subscription(self) -> str:
        (given,) = at_stripe(self.system, self.email, "subscriptions", status="all")
        return f"subscriptions/{given['id']}"

    def stripe(self, path: str, **change: str) -> None:
        """Something happens at Stripe, and is told."""
        self.system.stripe_api("POST", path, **change)
        self.ten_times()


OF_A_LIFE = {
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.updated",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.updated",
    "invoice.upcoming",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.closed",
    "radar.early_fraud_warning.created",
    "payment_method.automatically_updated",
}


def test_a_whole_life_whose_events_all_come_ten_times_at_once(system: System) -> None:
    """[B2] [L16] Every kind of event from the first gift to the end: one effect, one mail each."""
    system.sandbox("faults", webhooks="drop")
    with Reader(system, "wholelife@reader.example") as reader:
        life = Told(reader)
        reader.give()
        life.ten_times()
        assert_one_gift(system, reader.email)
        (customer,) = stripe_customers(system, reader.email)

        # A month is paid; the next one only with another card; money goes back.
        renew(system, reader.email)
        life.ten_times()
        system.sandbox("cards", customer=customer, number=FAILS_LATER)
        renew(system, reader.email)
        life.ten_times()
        assert subscriptions(system, reader.email)[0]["state"] == "past_due"
        # Who pays before the letter is written is not told of the failure.
        failed = ("payment_failed", "sent")
        wait_until(lambda: failed in mails_about(system, reader.email), "the letter of it")
        system.sandbox("cards", customer=customer, number=PAYS)
        system.sandbox("clock", advance=3 * DAY)
        life.ten_times()
        assert subscriptions(system, reader.email)[0]["state"] == "active"
        refunded, disputed, *_ = sorted(
            at_stripe(system, reader.email, "charges"), key=lambda each: each["created"]
        )
        life.stripe("refunds", charge=refunded["id"], amount="200")
        system.sandbox("fraud_warnings", charge=disputed["id"])
        (given,) = at_stripe(system, reader.email, "subscriptions")
        system.sandbox("card_updates", payment_method=given["default_payment_method"])
        life.ten_times()

        # Paused, resumed, less, cancelled, taken back, cancelled; then a bank ends it, and errs.
        life.stripe(life.subscription, **{"pause_collection[behavior]": "void"})
        life.stripe(life.subscription, pause_collection="")
        (item,) = given["items"]["data"]
        life.stripe(life.subscription, **to_amount(item, 300))
        for wish in ("true", "false", "true"):
            life.stripe(life.subscription, cancel_at_period_end=wish)
        dispute = system.sandbox("disputes", charge=disputed["id"])
        for _ in range(2):
            # The second time what our ending it has led to.
            life.ten_times()
        system.sandbox("disputes", dispute=dispute["id"], outcome="won")
        life.ten_times()

        assert OF_A_LIFE - set(life.told.values()) == set()
        assert_told_once(system, reader.email)
        tell_what_never_happened(life)
        assert_told_once(system, reader.email)


def tell_what_never_happened(life: Told) -> None:
    """Events that a life may have and this one had not: what they are about says otherwise."""
    sessions = life.system.stripe_api("GET", "checkout/sessions", limit="100")["data"]
    customers = stripe_customers(life.system, life.email)
    (session,) = [each for each in sessions if each["customer"] in customers]
    for kind in ("expired", "async_payment_succeeded", "async_payment_failed"):
        life.system.sandbox("events", type=f"checkout.session.{kind}", object=session["id"])
    for kind in ("paused", "resumed"):
        subscription = session["subscription"]
        life.system.sandbox("events", type=f"customer.subscription.{kind}", object=subscription)
    asked = "invoice.payment_action_required"
    life.system.sandbox("events", type=asked, object=session["invoice"])
    life.ten_times()


def to_amount(item: dict[str, Any], minor: int) -> dict[str, str]:
    """What changes a subscription's amount from the next period on."""
    price = "items[0][price_data]"
    return {
        "items[0][id]": item["id"],
        f"{price}[currency]": item["price"]["currency"],
        f"{price}[product]": item["price"]["product"],
        f"{price}[recurring][interval]": item["price"]["recurring"]["interval"],
        f"{price}[unit_amount]": str(minor),
        "proration_behavior": "none",
    }


def assert_told_once(system: System, email: str) -> None:
    (given,) = subscriptions(system, email)
    assert (given["state"], given["amount_minor"]) == ("ended", 300)
    assert given["end_reason"] == "fraud"
    money = [(each["amount_minor"], each["refunded_minor"]) for each in donations(system, email)]
    assert money == [(500, 200), (500, 0), (500, 0)]
    assert [each["disputed_at"] for each in donations(system, email)] == [None] * 3
    assert ledger(system, email) == [
        ("new", 500),
        ("churn_voluntary", -500),
        ("reactivation", 500),
        ("contraction", -200),
        ("churn_involuntary", -300),
    ]
    kinds = Counter(kind for kind, _ in mails_about(system, email))
    assert kinds == {
        "welcome": 1,
        "receipt": 3,
        "payment_failed": 1,
        "payment_recovered": 1,
        "support_paused": 1,
        "support_resumed": 1,
        "support_changed": 1,
        "support_cancelled": 2,
        "cancel_undone": 1,
    }
    wait_for_all_mails(system, email)
    arrived = personal_mails(system, email)
    assert len(arrived) == len(mails_about(system, email))
    assert len({mail["headers"]["Message-ID"] for mail in arrived}) == len(arrived)
