"""Who gives already, and wants to give again."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from membership.billing.models import Checkout, LedgerEntry, Subscription
from membership.mail.models import OutboxEmail
from tests.billing.conftest import Stripe, patron
from tests.billing.reading import row, rows
from tests.conftest import SignedIn

Give = Callable[..., str]


def test_a_patron_is_told_instead_of_asked_to_pay_twice(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn
) -> None:
    """[B6] [L1] Giving once more is fine, with the customer that Stripe knows."""
    browser = patron(session, stripe, give, signed_in)
    form = {"interval": "year", "currency": "EUR", "amount": "9", "email": "reader@example.org"}
    answer = browser.post("/support", data=form)
    assert answer.status_code == 409
    assert "€5" in answer.text
    assert 'href="/account"' in answer.text
    assert len(rows(session, Checkout)) == 1
    give(browser, interval="once", amount="9")
    page = stripe.all("checkout.session")[-1]
    assert page["customer"] == row(session, Subscription).stripe_customer_id
    assert page["customer_email"] is None


def test_a_failed_payment_offers_only_to_fix_the_card(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn
) -> None:
    """[L2] An anonymous second one is ended at once, while the old retry goes on."""
    browser = patron(session, stripe, give, signed_in)
    given = row(session, Subscription)
    stripe.sandbox("cards", customer=given.stripe_customer_id, number="4000000000000341")
    stripe.move_clock(32)
    stripe.deliver_all()
    assert row(session, Subscription).state == "past_due"
    form = {"interval": "month", "currency": "EUR", "amount": "9", "email": "reader@example.org"}
    answer = browser.post("/support", data=form)
    assert answer.status_code == 409
    assert 'action="/account/card"' in answer.text
    assert "Give once" not in answer.text
    stripe.pay(give(browser.application.test_client(), amount="9"))
    stripe.deliver_all()
    assert row(session, Subscription, amount_minor=900).end_reason == "staff"
    assert row(session, Subscription, amount_minor=500).state == "past_due"
    assert [each["amount"] for each in stripe.all("refund")] == [900]


def test_after_the_end_a_new_one_works(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn
) -> None:
    """[L3] [L15] The ledger calls it a reactivation."""
    browser = patron(session, stripe, give, signed_in)
    given = row(session, Subscription)
    stripe.http.delete(
        f"{stripe.server.url}/v1/subscriptions/{given.stripe_subscription_id}",
        headers={"Authorization": f"Bearer {stripe.server.api_key}"},
    ).raise_for_status()
    stripe.deliver_all()
    stripe.pay(give(browser, amount="7"))
    stripe.deliver_all()
    assert sorted(each.state for each in rows(session, Subscription)) == ["active", "ended"]
    assert [(each.movement, each.amount_minor) for each in rows(session, LedgerEntry)] == [
        ("new", 500), ("churn_voluntary", -500), ("reactivation", 700)
    ]  # fmt: skip


def test_our_row_may_be_out_of_date(session: Session, stripe: Stripe, give: Give) -> None:
    """[L1] The other one has ended at Stripe, only we have not heard: the new one stays."""
    stripe.pay(give())
    stripe.deliver_all()
    given = row(session, Subscription)
    stripe.http.delete(
        f"{stripe.server.url}/v1/subscriptions/{given.stripe_subscription_id}",
        headers={"Authorization": f"Bearer {stripe.server.api_key}"},
    ).raise_for_status()
    stripe.delivered.update(event["id"] for event in stripe.events())
    stripe.pay(give(amount="7"))
    stripe.deliver_all()
    assert row(session, Subscription, amount_minor=700).state == "active"
    assert row(session, Subscription, amount_minor=500).end_reason == "voluntary"
    assert stripe.all("refund") == []


def test_one_that_is_scheduled_to_end_is_no_second(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn
) -> None:
    """[L1] And taking its end back, beside a new one, ends it without touching what it gave."""
    browser = patron(session, stripe, give, signed_in)
    old = row(session, Subscription)
    path = f"subscriptions/{old.stripe_subscription_id}"
    stripe.api(path, cancel_at_period_end="true")
    stripe.move_clock(1)
    stripe.deliver_all()
    stripe.pay(give(browser, amount="7"))
    stripe.deliver_all()
    assert {each.state for each in rows(session, Subscription)} == {"active", "cancel_scheduled"}
    stripe.api(path, cancel_at_period_end="false")
    stripe.deliver_all()
    assert row(session, Subscription, amount_minor=700).state == "active"
    assert row(session, Subscription, amount_minor=500).end_reason == "staff"
    assert stripe.all("refund") == []
    told = row(session, OutboxEmail, kind="second_subscription_refunded")
    assert told.context["has_refund"] is False
    assert sum(each.amount_minor for each in rows(session, LedgerEntry)) == 700
