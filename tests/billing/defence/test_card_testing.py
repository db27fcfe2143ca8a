"""Declines are heard of, card testing begins and ends, and pages with many declines are closed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from membership import clock
from membership.billing import backfill
from membership.billing.defence import breaker, rules, tested_pages
from membership.billing.defence.models import CardFailure, CardTesting
from membership.billing.models import Checkout
from membership.db import transaction
from membership.reports.attention import attention
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.defence.giving import (
    DECLINED,
    a_solution,
    admitted,
    later,
    let_cards_be_tested,
    send,
)
from tests.billing.reading import row
from tests.conftest import SignedIn

Give = Callable[..., str]
NEEDED = rules.DECLINES[60]


def failures(session: Session) -> list[CardFailure]:
    return list(
        session.scalars(select(CardFailure).execution_options(populate_existing=True)).all()
    )


def is_tested() -> bool:
    with transaction() as session:
        return breaker.judge(session)


def deliver_declines(stripe: Stripe) -> None:
    """The events reach us; no worker does anything."""
    for event in stripe.events("charge.failed", "invoice.payment_failed"):
        stripe.deliver(event)


@pytest.mark.parametrize(("interval", "kept"), [("once", 1), ("month", 2)])
def test_each_decline_on_our_pages_counts_once(
    session: Session, stripe: Stripe, give: Give, interval: str, kept: int
) -> None:
    """[B16] However often it is told, and whatever comes first."""
    page = give(interval=interval)
    for _ in range(3):
        assert stripe.pay(page, DECLINED).status_code == 402
    events = stripe.events("charge.failed", "invoice.payment_failed")
    for event in (*reversed(events), *events):
        stripe.deliver(event)
    found = failures(session)
    assert len(found) == 3 * kept
    counted = [each for each in found if each.checkout_id is not None]
    assert {each.checkout_id for each in counted} == {row(session, Checkout).id}
    assert len(counted) == 3
    (fingerprint,) = {each.fingerprint_hash for each in found} - {None}
    assert fingerprint is not None
    assert len(fingerprint) == 32


def test_renewals_and_others_do_not_count(session: Session, stripe: Stripe, give: Give) -> None:
    """[B5] [B16] On the first of a month many renewals fail at once."""
    assert stripe.pay(give()).status_code == 303
    customer = stripe.all("customer")[0]["id"]
    stripe.sandbox("cards", customer=customer, number="4000000000000341")
    stripe.move_clock(32)
    stripe.deliver_all()
    assert [each.checkout_id for each in failures(session)] == [None]
    other = {"id": "evt_other", "type": "charge.failed", "object": "event", "livemode": False}
    charge = {"object": "charge", "customer": None, "metadata": {"checkout": "1"}}
    stripe.deliver(
        other
        | {"created": int(clock.now().timestamp()), "data": {"object": charge | {"id": "ch_o"}}}
    )
    assert all(each.checkout_id is None for each in failures(session))
    assert not is_tested()


@pytest.mark.parametrize(
    "charge",
    [
        {},
        {"id": None},
        {"id": "ch_1", "metadata": None, "payment_method_details": None},
        {"id": "ch_1", "metadata": [], "payment_method_details": {"card": None}, "customer": {}},
        {"id": "ch_1", "metadata": {"checkout": 5}, "payment_method_details": {"type": "blik"}},
    ],
)
def test_strange_events_are_stored_all_the_same(
    session: Session, stripe: Stripe, charge: dict[str, Any]
) -> None:
    """[B2] [L5]"""
    event = {"id": "evt_1", "type": "charge.failed", "object": "event", "livemode": False}
    stripe.deliver(event | {"created": 1_900_000_000, "data": {"object": charge}})
    assert failures(session) == []


def test_old_declines_say_nothing_about_now(session: Session, stripe: Stripe, give: Give) -> None:
    """[B4] [B16] Brought by a backfill after a day without webhooks."""
    page = give(interval="once")
    for _ in range(NEEDED):
        stripe.pay(page, DECLINED)
    with later(timedelta(hours=25)):
        backfill.backfill(datetime(2020, 1, 1, tzinfo=UTC))
        assert failures(session) == []
        assert not is_tested()


def test_a_clock_that_is_ahead_counts_as_now(session: Session, stripe: Stripe, give: Give) -> None:
    """[B17]"""
    stripe.move_clock(40)
    stripe.pay(give(interval="once"), DECLINED)
    deliver_declines(stripe)
    (found,) = failures(session)
    assert found.created_at <= clock.now()


def test_everyone_is_asked_until_it_is_quiet(
    session: Session, stripe: Stripe, client: FlaskClient, signed_in: SignedIn
) -> None:
    """[B16] [L11] From the decline that makes it plain; staff see it; said once in the log."""
    pages = [
        send(client, f"192.0.{n}.1", email=f"bot{n}@example.org").location for n in range(NEEDED)
    ]
    for page in pages:
        stripe.pay(page, DECLINED)
    with capture_logs() as logs:
        deliver_declines(stripe)
    assert [each["event"] for each in logs].count("card_testing_began") == 1
    sessions = len(stripe.all("checkout.session"))
    assert send(client, "198.51.100.1").status_code == 429
    assert attention(session).card_testing_since is not None
    assert len(stripe.all("checkout.session")) == sessions
    assert send(client, "198.51.100.1", solution=a_solution()).status_code == 303
    browser = signed_in(session, factories.staff(session))
    assert "Stolen cards are being tried out" in browser.get("/staff/").text

    with later(timedelta(minutes=5)):
        assert is_tested()
    with later(timedelta(minutes=11)), capture_logs() as logs:
        assert not is_tested()
        assert not is_tested()
        assert admitted("reader@example.org", "198.51.100.1") is None
        assert attention(session).card_testing_since is None
    assert [each["event"] for each in logs].count("card_testing_ended") == 1


def test_what_was_seen_before_an_end_begins_nothing(session: Session) -> None:
    """[B16] The hour's declines are still there when the ten minutes are quiet."""
    let_cards_be_tested(session)
    session.execute(update(CardFailure).values(created_at=clock.now() - timedelta(minutes=11)))
    assert not is_tested()
    session.execute(update(CardFailure).values(created_at=clock.now() - timedelta(seconds=20)))
    session.execute(update(CardTesting).values(ended_at=clock.now() - timedelta(seconds=10)))
    assert not is_tested()


def test_pages_that_nobody_pays_on_are_a_sign_too(session: Session) -> None:
    """[B16] Bots may lay in pages before they try cards."""
    for number in range(rules.OPENED):
        assert admitted(f"bot{number}@example.org", f"198.51.{number}.1") is None
    assert admitted("reader@example.org", "203.0.113.1") is not None


def test_counting_asks_stripe_for_nothing(session: Session, stripe: Stripe, give: Give) -> None:
    """[B16] The signed event is believed; no money follows from it."""
    page = give(interval="once")
    for _ in range(NEEDED):
        stripe.pay(page, DECLINED)
    stripe.sandbox("faults", api_error_rate=1.0)
    deliver_declines(stripe)
    assert is_tested()


def state_of(stripe: Stripe, page: str) -> str:
    (found,) = (each for each in stripe.all("checkout.session") if each["id"] in page)
    return str(found["status"])


def test_pages_with_many_declines_are_closed(
    session: Session, stripe: Stripe, client: FlaskClient
) -> None:
    """[B16] While cards are tested three are many; who mistypes twice goes on."""
    tried = send(client, email="bot@example.org").location
    mistyped = send(client, email="reader@example.org").location
    for page, times in ((tried, 3), (mistyped, 2)):
        for _ in range(times):
            stripe.pay(page, DECLINED)
    deliver_declines(stripe)
    assert tested_pages.watch() == 0
    let_cards_be_tested(session)
    assert tested_pages.watch() == 1
    assert (state_of(stripe, tried), state_of(stripe, mistyped)) == ("expired", "open")
    assert row(session, Checkout, email="bot@example.org").state == "expired"
    assert tested_pages.watch() == 0
    assert stripe.pay(mistyped).status_code == 303


@pytest.mark.parametrize("interval", ["once", "month"])
def test_a_card_that_was_declined_on_many_pages_closes_them(
    session: Session, stripe: Stripe, client: FlaskClient, interval: str
) -> None:
    """[B16] A few in each run, so that Stripe is not flooded; honest pages stay."""
    pages = []
    for number in range(rules.CARD_PAGES):
        email = f"bot{number}@example.org"
        pages.append(send(client, f"192.0.{number}.1", email=email, interval=interval).location)
    honest = send(client, email="reader@example.org", interval=interval).location
    stripe.pay(honest, "4000000000009995")
    for page in pages[:-1]:
        stripe.pay(page, DECLINED)
    deliver_declines(stripe)
    assert tested_pages.watch() == 0
    stripe.pay(pages[-1], DECLINED)
    deliver_declines(stripe)
    assert [tested_pages.watch() for _ in range(5)] == [tested_pages.MOST_A_RUN] * 4 + [0]
    assert {state_of(stripe, page) for page in pages} == {"expired"}
    assert state_of(stripe, honest) == "open"


def test_a_page_that_was_paid_meanwhile_is_left_alone(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B16]"""
    page = give(interval="once")
    for _ in range(3):
        stripe.pay(page, DECLINED)
    deliver_declines(stripe)
    let_cards_be_tested(session)
    stripe.pay(page)
    assert tested_pages.watch() == 0
    assert row(session, Checkout, email="reader@example.org").state == "open"
    stripe.deliver_all()
    assert row(session, Checkout, email="reader@example.org").state == "completed"


def test_stripe_away_is_no_harm(session: Session, stripe: Stripe, give: Give) -> None:
    """[B16] The page is closed in a later run."""
    page = give(interval="once")
    for _ in range(3):
        stripe.pay(page, DECLINED)
    deliver_declines(stripe)
    let_cards_be_tested(session)
    stripe.sandbox("faults", api_error_rate=1.0)
    assert tested_pages.watch() == 0
    stripe.sandbox("faults", api_error_rate=0.0)
    assert tested_pages.watch() == 1
