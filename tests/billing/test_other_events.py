"""Events about customers, cards and invoices to come: each leads to the subscriptions they mean."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from membership.billing import inbox, sync
from membership.billing.models import StripeEvent, Subscription
from tests.billing.conftest import Stripe
from tests.billing.reading import row, rows

Give = Callable[..., str]


def given(stripe: Stripe, give: Give) -> str:
    """A monthly subscription that we know; its customer."""
    stripe.pay(give())
    stripe.deliver_all()
    return str(stripe.all("subscription")[0]["customer"])


def test_a_new_card_of_the_bank_is_seen(session: Session, stripe: Stripe, give: Give) -> None:
    """[B14] The old one would have expired; nobody need be told."""
    given(stripe, give)
    assert row(session, Subscription).card_expires_on == date(2034, 12, 31)
    method = stripe.all("subscription")[0]["default_payment_method"]
    stripe.sandbox("card_updates", payment_method=method)
    stripe.deliver_all()
    assert row(session, Subscription).card_expires_on == date(2038, 12, 31)


def test_a_customers_new_card_is_seen(session: Session, stripe: Stripe, give: Give) -> None:
    """[B14] From the customer's event alone."""
    customer = given(stripe, give)
    stripe.sandbox("cards", customer=customer, number="5555555555554444")
    for event in stripe.events("customer.updated"):
        stripe.deliver(event)
    inbox.process_due()
    assert row(session, Subscription).card_last4 == "4444"


def test_a_deleted_customers_subscription_is_over(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B14] Even if the end of the subscription itself was never told."""
    customer = given(stripe, give)
    stripe.api(f"customers/{customer}", "DELETE")
    (event,) = stripe.events("customer.deleted")
    stripe.deliver(event)
    inbox.process_due()
    ended = row(session, Subscription)
    assert (ended.state, ended.end_reason) == ("ended", "voluntary")


def test_an_invoice_to_come_is_about_its_subscription(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B14] [L5] It has no id; what it leads to is read from Stripe and nothing else changes."""
    given(stripe, give)
    stripe.move_clock(25)
    (event,) = stripe.events("invoice.upcoming")
    assert "id" not in event["data"]["object"]
    synced_at = row(session, Subscription).synced_at
    stripe.deliver_all()
    assert row(session, StripeEvent, id=event["id"]).state == "processed"
    assert row(session, Subscription).synced_at > synced_at


@pytest.mark.parametrize("kind", ["customer.subscription.paused", "customer.subscription.resumed"])
def test_pauses_are_read(session: Session, stripe: Stripe, give: Give, kind: str) -> None:
    """[B14] [B11] Whatever the event is called, the state is what Stripe says now."""
    given(stripe, give)
    subscription = stripe.all("subscription")[0]["id"]
    is_paused = kind.endswith("paused")
    stripe.change(subscription, status="paused" if is_paused else "active")
    stripe.sandbox("events", type=kind, object=subscription)
    stripe.deliver_all()
    assert row(session, Subscription).state == ("paused" if is_paused else "active")


def test_anothers_customer_is_ignored(session: Session, stripe: Stripe) -> None:
    """[B5] [L17]"""
    made = stripe.api("customers", email="else@example.org")
    stripe.api(f"customers/{made['id']}", name="Somebody")
    stripe.deliver_all()
    assert rows(session, Subscription) == []
    assert {each.state for each in rows(session, StripeEvent)} == {"ignored"}


def test_every_event_that_stripe_is_to_send_leads_somewhere() -> None:
    """[B14] Those that the operating notes have the newsroom choose at Stripe."""
    notes = Path("docs/operating.md").read_text("utf-8").split("\nEvents: ")[1]
    wanted = re.findall(r"`([a-z_.]+)`", notes.partition("\n\n")[0])
    assert len(wanted) > 20
    # A declined card is counted where its event is stored (B16); nothing is left to follow.
    assert set(wanted) - sync.FOLLOWERS.keys() == {"charge.failed"}
