"""Two tabs at once, and Stripe's event beside them: one after the other, and one truth."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from membership import db
from membership.billing.manage import acts, plan
from membership.billing.manage.agreement import agreement_of
from membership.billing.models import Subscription, SubscriptionChange
from membership.money import Money
from tests.billing.conftest import Stripe
from tests.billing.reading import mails, row, rows, wait_for_waiters

Outcome = list[str]


def at_once(app: Flask, engine: Engine, subject: str, *works: Callable[[], object]) -> Outcome:
    """Let all of them come to the subscription's lock before the first may go on."""
    found: Outcome = []

    def run(work: Callable[[], object]) -> None:
        with app.app_context():
            try:
                work()
                found.append("done")
            except plan.NotNowError as error:
                found.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    with db.transaction() as session:
        db.lock(session, subject)
        for thread in threads:
            thread.start()
        wait_for_waiters(engine, len(threads))
    for thread in threads:
        thread.join()
    return sorted(found)


@pytest.fixture
def subscription(
    committed: Engine, stripe: Stripe, give: Callable[..., str], client: FlaskClient
) -> Subscription:
    stripe.pay(give())
    stripe.deliver_all()
    with Session(committed, expire_on_commit=False) as session:
        found: Subscription = row(session, Subscription)
        return found


def test_a_change_and_an_end_at_once(
    app: Flask, committed: Engine, stripe: Stripe, subscription: Subscription
) -> None:
    """[B9] [B10] Whoever comes first: the end is set, and our row is what Stripe has."""
    seen = agreement_of(subscription).seen
    outcome = at_once(
        app, committed, f"subscription:{subscription.stripe_subscription_id}",
        lambda: acts.change(subscription.id, Money(800, "EUR"), "month", seen),
        lambda: acts.cancel(subscription.id),
    )  # fmt: skip
    (at_stripe,) = stripe.all("subscription")
    amount = at_stripe["items"]["data"][0]["price"]["unit_amount"]
    assert outcome in (["StateForbidsError", "done"], ["done", "done"])
    assert amount == (800 if outcome == ["done", "done"] else 500)
    assert at_stripe["cancel_at_period_end"] is True
    with Session(committed) as session:
        ours = row(session, Subscription)
        assert (ours.state, ours.amount_minor) == ("cancel_scheduled", amount)


def test_the_same_change_in_two_tabs_is_one(
    app: Flask, committed: Engine, stripe: Stripe, subscription: Subscription
) -> None:
    """[L16] The second tab finds it done; one change, one mail."""
    seen = agreement_of(subscription).seen
    change = lambda: acts.change(subscription.id, Money(800, "EUR"), "month", seen)  # noqa: E731
    outcome = at_once(
        app, committed, f"subscription:{subscription.stripe_subscription_id}", change, change
    )
    assert outcome == ["done", "done"]
    stripe.deliver_all()
    with Session(committed) as session:
        kinds = [kind for kind, _ in mails(session)]
        assert kinds.count("support_changed") == 1
        assert len(rows(session, SubscriptionChange)) == 2


def test_two_pauses_at_once_are_one(
    app: Flask, committed: Engine, stripe: Stripe, subscription: Subscription
) -> None:
    """[B10]"""
    seen = agreement_of(subscription).seen
    outcome = at_once(
        app, committed, f"subscription:{subscription.stripe_subscription_id}",
        lambda: acts.pause(subscription.id, 1, seen),
        lambda: acts.pause(subscription.id, 3, seen),
    )  # fmt: skip
    assert outcome == ["StateForbidsError", "done"]
    with Session(committed) as session:
        assert row(session, Subscription).state == "paused"
