"""Several events at a time in one worker process."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine

from membership.billing import gateway, inbox
from membership.billing.models import Donation, StripeEvent, Subscription
from membership.billing.snapshots import SubscriptionSnapshot
from membership.db import transaction
from membership.mail.models import OutboxEmail
from tests.billing.conftest import Stripe
from tests.billing.reading import rows

Give = Callable[..., str]
READERS = 5


def test_each_event_is_followed_once(committed: Engine, stripe: Stripe, give: Give) -> None:
    """[B3] [L16] One gift and one receipt a reader, whichever thread took which event."""
    for number in range(READERS):
        stripe.pay(give(email=f"reader{number}@example.org"))
    for event in stripe.events():
        stripe.deliver(event)
    followed = inbox.process_due_side_by_side()
    with transaction() as session:
        assert {event.state for event in rows(session, StripeEvent)} == {"processed", "ignored"}
        assert [event.attempts for event in rows(session, StripeEvent) if event.attempts] == (
            [1] * followed
        )
        assert len(rows(session, Subscription)) == READERS
        assert len(rows(session, Donation)) == READERS
        assert len(rows(session, OutboxEmail, kind="receipt")) == READERS


def test_one_waits_for_stripe_while_another_goes_on(
    app: Flask, committed: Engine, stripe: Stripe, give: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them are at Stripe at the same time, or neither would get on."""
    for number in range(2):
        stripe.pay(give(email=f"reader{number}@example.org"))
    for event in stripe.events("customer.subscription.created"):
        stripe.deliver(event)
    both = threading.Barrier(2, timeout=60)
    read = gateway.read_subscription
    seen: set[str] = set()

    def meet(subscription_id: str) -> SubscriptionSnapshot:
        if subscription_id not in seen:
            seen.add(subscription_id)
            both.wait()
        return read(subscription_id)

    monkeypatch.setattr(gateway, "read_subscription", meet)
    assert inbox.process_due_side_by_side(threads=2) == 2
    with transaction() as session:
        assert len(rows(session, Subscription)) == 2
