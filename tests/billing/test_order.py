"""Stripe promises no order, and may tell a thing twice."""

import threading
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from membership.billing import inbox
from membership.billing.models import Checkout, Donation, LedgerEntry, StripeEvent, Subscription
from membership.db import lock, transaction
from tests.billing.conftest import Stripe
from tests.billing.reading import mails, row, rows, wait_for_waiters

Give = Callable[..., str]
FOUR = (
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "invoice.paid",
)


def final_rows(session: Session) -> dict[str, Any]:
    """What must be the same in the end, without times and numbers that say when it was written."""
    given, donation, entry = (row(session, each) for each in (Subscription, Donation, LedgerEntry))
    return {
        "checkout": row(session, Checkout).state,
        "subscription": (given.state, given.amount_minor, given.currency, given.interval),
        "donation": (donation.amount_minor, donation.fee_minor, donation.refunded_minor),
        "belongs": donation.subscription_id == given.id,
        "ledger": (entry.movement, entry.amount_minor, entry.occurred_at == given.started_at),
        "mails": mails(session),
    }


EXPECTED = {
    "checkout": "completed",
    "subscription": ("active", 500, "EUR", "month"),
    "donation": (500, 45, 0),
    "belongs": True,
    "ledger": ("new", 500, True),
    "mails": [("receipt", "reader@example.org"), ("welcome", "reader@example.org")],
}


@pytest.mark.parametrize("order", list(permutations(FOUR)), ids=lambda order: None)
def test_any_order_gives_the_same_rows(
    session: Session, stripe: Stripe, give: Give, order: tuple[str, ...]
) -> None:
    """[L4] Every permutation; each event is processed before the next comes."""
    stripe.pay(give())
    waiting = {event["type"]: event for event in stripe.events(*FOUR)}
    assert set(waiting) == set(FOUR)
    for kind in order:
        stripe.deliver(waiting[kind])
        assert inbox.process_due() == 1
    assert final_rows(session) == EXPECTED
    assert {event.state for event in rows(session, StripeEvent)} == {"processed"}


def test_an_old_event_says_nothing_about_now(session: Session, stripe: Stripe, give: Give) -> None:
    """[B3] [L4] The payload's `active` comes last; Stripe, asked, says that it is over."""
    stripe.pay(give())
    late = stripe.events("customer.subscription.updated")[0]
    assert late["data"]["object"]["status"] == "active"
    stripe.delivered.add(late["id"])
    stripe.deliver_all()
    given = row(session, Subscription)
    stripe.http.delete(
        f"{stripe.server.url}/v1/subscriptions/{given.stripe_subscription_id}",
        headers={"Authorization": f"Bearer {stripe.server.api_key}"},
    ).raise_for_status()
    stripe.deliver_all()
    stripe.deliver(late)
    inbox.process_due()
    assert row(session, Subscription).state == "ended"
    assert [entry.amount_minor for entry in rows(session, LedgerEntry)] == [500, -500]


def test_a_refund_told_before_its_payment_is_not_lost(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[L4]"""
    stripe.pay(give())
    charge = stripe.all("charge")[0]
    stripe.http.post(
        f"{stripe.server.url}/v1/refunds",
        data={"charge": charge["id"]},
        headers={"Authorization": f"Bearer {stripe.server.api_key}"},
    ).raise_for_status()
    stripe.deliver(stripe.events("charge.refunded")[0])
    inbox.process_due()
    assert rows(session, Donation) == []
    stripe.deliver_all()
    assert row(session, Donation).refunded_minor == 500
    assert mails(session) == []


def test_stripe_is_asked_only_after_the_lock_is_ours(
    committed: Engine, app: Flask, stripe: Stripe, give: Give
) -> None:
    """[B3] What changes at Stripe while we wait for the lock is what we write."""
    stripe.pay(give())
    stripe.deliver(stripe.events("customer.subscription.created")[0])
    subscription = stripe.all("subscription")[0]["id"]

    def work() -> None:
        with app.app_context():
            inbox.process_due()

    worker = threading.Thread(target=work)
    with transaction() as session:
        lock(session, f"subscription:{subscription}")
        worker.start()
        wait_for_waiters(committed, 1)
        stripe.http.delete(
            f"{stripe.server.url}/v1/subscriptions/{subscription}",
            headers={"Authorization": f"Bearer {stripe.server.api_key}"},
        ).raise_for_status()
    worker.join()
    with transaction() as session:
        assert row(session, Subscription).state == "ended"


def test_a_checkout_is_closed_after_its_subscription(
    committed: Engine, app: Flask, stripe: Stripe, give: Give
) -> None:
    """[L4] Who waits for a subscription's lock holds no row that its holder needs: no deadlock."""
    stripe.pay(give())
    with transaction() as session:
        # The webhook was faster than our note of the page's id, which it writes then.
        session.execute(update(Checkout).values(stripe_session_id=None))
    stripe.deliver(stripe.events("checkout.session.completed")[0])
    subscription = stripe.all("subscription")[0]["id"]

    def work() -> None:
        with app.app_context():
            inbox.process_due()

    worker = threading.Thread(target=work)
    with transaction() as session:
        lock(session, f"subscription:{subscription}")
        worker.start()
        wait_for_waiters(committed, 1)
        is_free = select(Checkout.id).with_for_update(key_share=True, read=True, skip_locked=True)
        found = session.scalars(is_free).all()
    worker.join()
    assert len(found) == 1
    with transaction() as session:
        assert row(session, Checkout).state == "completed"
