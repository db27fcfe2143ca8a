"""A clock that is off is heard of, and so is what was never delivered."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from membership import clock
from membership.billing import backfill, inbox
from membership.billing.comparison.models import Comparison
from membership.billing.models import Donation, StripeEvent
from tests.billing.comparison.conftest import Compare, Give
from tests.billing.conftest import Stripe, sign
from tests.billing.reading import row, rows


@pytest.mark.parametrize(("ahead", "alarm"), [(0, False), (-3600, True), (90, True), (30, False)])
def test_a_clock_that_is_off_is_an_alarm(
    session: Session,
    stripe: Stripe,
    compare: Compare,
    caplog: pytest.LogCaptureFixture,
    ahead: int,
    alarm: bool,
) -> None:
    """[B17] Measured against Stripe's answers."""
    with clock.fixed(clock.now() + timedelta(seconds=ahead)):
        compare()
    measured = row(session, Comparison).clock_off_seconds
    assert abs(measured - ahead) <= 2
    assert ("host_clock_off" in caplog.text) is alarm


@pytest.mark.parametrize(
    ("ahead", "status", "said"),
    [
        (0, 200, None),
        (299, 200, None),
        (400, 400, "webhook_too_old"),
        (-50, 200, None),
        (-90, 200, "host_clock_off"),
    ],
)
def test_a_webhook_tells_of_a_wrong_clock(
    session: Session,
    stripe: Stripe,
    patron: str,
    caplog: pytest.LogCaptureFixture,
    ahead: int,
    status: int,
    said: str | None,
) -> None:
    """[B17] [B1] By a fast clock all webhooks look old: that they are refused must be heard."""
    body = json.dumps(stripe.all("event")[0] | {"id": "evt_new"})
    headers = {"Stripe-Signature": sign(body)}
    with clock.fixed(clock.now() + timedelta(seconds=ahead)):
        answer = stripe.receiver.post("/webhooks/stripe", data=body, headers=headers)
    assert answer.status_code == status
    assert bool(rows(session, StripeEvent, id="evt_new")) is (status == 200)
    alarms = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert [name for name in ("webhook_too_old", "host_clock_off") if name in str(alarms)] == (
        [said] if said else []
    )


@pytest.fixture
def undelivered(stripe: Stripe, give: Give) -> Iterator[int]:
    """A gift whose events an endpoint did not take; how many follow."""
    stripe.pay(give())
    for each in stripe.all("event"):
        stripe.change(each["id"], pending_webhooks=1)
    return sum(each["type"] in inbox.sync.FOLLOWERS for each in stripe.all("event"))


def test_what_was_not_delivered_is_fetched_by_itself(
    session: Session, stripe: Stripe, undelivered: int
) -> None:
    """[B4] Every hour; what was delivered is not even asked for."""
    delivered = stripe.all("event")[0]["id"]
    stripe.change(delivered, pending_webhooks=0)
    followed = stripe.all("event")[0]["type"] in inbox.sync.FOLLOWERS
    assert backfill.fetch_undelivered() == undelivered - followed
    assert delivered not in {each.id for each in rows(session, StripeEvent)}
    assert backfill.fetch_undelivered() == 0
    inbox.process_due()
    assert len(rows(session, Donation)) == 1


def test_older_ones_than_the_newest_are_fetched_too(
    session: Session, stripe: Stripe, undelivered: int
) -> None:
    """[B4] After an outage, webhooks may come before the backfill does."""
    stripe.move_clock(2)
    stripe.api("customers", email="late@example.org")
    stripe.deliver(stripe.events("customer.created")[-1])
    assert backfill.fetch_undelivered() == undelivered
    session.execute(delete(StripeEvent))
    stripe.sandbox("faults", api_error_rate=1.0)
    assert backfill.fetch_undelivered() == 0


def test_the_comparison_fetches_all_that_stripe_still_has(
    session: Session, stripe: Stripe, undelivered: int, small_pages: None, compare: Compare
) -> None:
    """[B4]"""
    stripe.move_clock(20)
    stripe.deliver(stripe.events("invoice.upcoming", "customer.created")[-1])
    session.execute(text("UPDATE stripe_event SET created_at = now() + interval '20 days'"))
    compare()
    assert len(rows(session, StripeEvent)) >= undelivered
    assert inbox.process_due() >= undelivered
    assert len(rows(session, Donation)) == 1
