"""Two checkouts of one person, cards that fail first, and objects that are not ours."""

from tests.faults.steps import (
    DECLINED,
    FAILS_LATER,
    Reader,
    assert_one_gift,
    at_once,
    at_stripe,
    donations,
    ledger,
    settle,
    subscriptions,
    wait_for_gift,
)
from tests.system import System, wait_until


def test_two_checkouts_paid_at_once_leave_one_subscription(system: System) -> None:
    """[L1] [B6] The other is ended at Stripe and its money given back."""
    email = "twice@reader.example"
    system.sandbox("faults", webhooks="shuffle")
    with Reader(system, email) as here, Reader(system, email) as there:
        pages = at_once(here.checkout, there.checkout)
        assert pages[0] != pages[1]
        paid = at_once(lambda: here.pay(pages[0]), lambda: there.pay(pages[1]))
        assert [each.status_code for each in paid] == [303, 303]
        wait_until(lambda: len(subscriptions(system, email)) == 2, "both subscriptions")
        settle(system)

        def refunded() -> list[int]:
            return sorted(each["refunded_minor"] for each in donations(system, email))

        wait_until(lambda: refunded() == [0, 500], lambda: f"one refund ({refunded()})")
        settle(system)
    states = sorted(each["state"] for each in subscriptions(system, email))
    assert states == ["active", "ended"]
    live = at_stripe(system, email, "subscriptions")
    assert [each["status"] for each in live] == ["active"]
    charges = at_stripe(system, email, "charges")
    assert sorted(each["amount_refunded"] for each in charges) == [0, 500]
    assert sum(amount for _, amount in ledger(system, email)) == 500
    (ours,) = [s for s in subscriptions(system, email) if s["state"] == "active"]
    assert ours["stripe_subscription_id"] == live[0]["id"]
    kept = [d for d in donations(system, email) if d["refunded_minor"] == 0]
    assert [each["subscription_id"] for each in kept] == [ours["id"]]


def test_the_same_form_sent_twice_at_once_opens_one_page(system: System) -> None:
    """[B7] A double click is one attempt."""
    with Reader(system, "doubleclick@reader.example") as reader:
        wish = reader.wish()
        answers = at_once(*[lambda: reader.post("/support", wish)] * 5)
        assert {each.status_code for each in answers} == {303}
        assert len({each.headers["Location"] for each in answers}) == 1
        attempts = "SELECT count(*) FROM checkout WHERE email = :email"
        assert system.scalar(attempts, email=reader.email) == 1


def test_declined_then_paid_on_the_same_page(system: System) -> None:
    """[L3] The declined attempt leaves nothing behind."""
    with Reader(system, "declined@reader.example") as reader:
        page = reader.checkout()
        declined = reader.pay(page, DECLINED)
        assert declined.status_code == 402
        assert "declined" in declined.text
        settle(system)
        assert donations(system, reader.email) == []
        assert reader.pay(page).status_code == 303
        assert_one_gift(system, reader.email)
        settle(system)
        assert_one_gift(system, reader.email)


def test_a_declined_attempt_that_is_left_does_not_hinder_another(system: System) -> None:
    """[L3] Incomplete: a new checkout works, and there is one live subscription."""
    with Reader(system, "incomplete@reader.example") as reader:
        assert reader.pay(reader.checkout(), DECLINED).status_code == 402
        settle(system)
        reader.give()
        wait_for_gift(system, reader.email)
        settle(system)
        states = [each["state"] for each in subscriptions(system, reader.email)]
        assert states.count("active") == 1
        assert set(states) <= {"active", "incomplete", "ended"}
        assert len(donations(system, reader.email)) == 1
        assert ledger(system, reader.email) == [("new", 500)]


def test_who_left_can_come_back(system: System) -> None:
    """[L3] Ended: a new checkout works; the ledger calls it a reactivation."""
    with Reader(system, "back@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        (first,) = at_stripe(system, reader.email, "subscriptions")
        system.stripe_api("DELETE", f"subscriptions/{first['id']}")
        wait_until(
            lambda: subscriptions(system, reader.email)[0]["state"] == "ended", "the end of it"
        )
        reader.give(amount="8")
        wait_until(lambda: len(donations(system, reader.email)) == 2, "the second donation")
        settle(system)
        states = [each["state"] for each in subscriptions(system, reader.email)]
        assert states == ["ended", "active"]
        assert ledger(system, reader.email) == [
            ("new", 500),
            ("churn_voluntary", -500),
            ("reactivation", 800),
        ]


def test_what_others_sell_through_the_same_account_is_not_ours(system: System) -> None:
    """[B5] [L17] A subscription without our metadata, of a stranger and of a patron's own."""
    tables = ("account", "subscription", "donation", "ledger_entry", "outbox_email")

    def rows() -> dict[str, int]:
        return {table: system.scalar(f"SELECT count(*) FROM {table}") for table in tables}

    with Reader(system, "both@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        settle(system)
        before = rows()
        (patrons,) = {each["customer"] for each in at_stripe(system, reader.email, "subscriptions")}
        stranger = system.stripe_api("POST", "customers", email="stranger@shop.example")
        for customer in (stranger["id"], patrons):
            subscribe_elsewhere(system, customer)
        settle(system)
        assert rows() == before
        assert [s["state"] for s in subscriptions(system, reader.email)] == ["active"]


def subscribe_elsewhere(system: System, customer: str) -> None:
    """Another program sells a subscription, takes a payment, and one of them fails."""
    for card in ("pm_card_visa", "pm_card_chargeCustomerFail"):
        method = system.stripe_api("POST", f"payment_methods/{card}/attach", customer=customer)
        product = system.stripe_api("POST", "products", name="A mug a month")
        price = {
            "items[0][price_data][currency]": "eur",
            "items[0][price_data][product]": product["id"],
            "items[0][price_data][unit_amount]": "900",
            "items[0][price_data][recurring][interval]": "month",
        }
        made = system.stripe_api(
            "POST", "subscriptions",
            customer=customer, default_payment_method=method["id"],
            payment_behavior="allow_incomplete", **price,
        )  # fmt: skip
        system.stripe_api("DELETE", f"subscriptions/{made['id']}")


def test_a_card_that_saves_and_then_fails_gives_nothing(system: System) -> None:
    """[L3] Stripe's 0341 is refused at the first charge, and the reader may try another card."""
    with Reader(system, "savesonly@reader.example") as reader:
        page = reader.checkout()
        assert reader.pay(page, FAILS_LATER).status_code == 402
        settle(system)
        assert donations(system, reader.email) == []
        assert reader.pay(page).status_code == 303
        assert_one_gift(system, reader.email)
