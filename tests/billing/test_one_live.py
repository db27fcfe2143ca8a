"""At most one live subscription a patron."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing import gateway, givers, inbox, one_live
from membership.billing.models import Donation, LedgerEntry, StripeEvent, Subscription
from membership.billing.snapshots import PaymentSnapshot
from membership.db import transaction
from membership.mail.models import OutboxEmail
from tests import factories
from tests.billing.conftest import Stripe, patron
from tests.billing.reading import mails, make_due, row, rows, wait_for_waiters
from tests.conftest import SignedIn

Give = Callable[..., str]


def live_at_stripe(stripe: Stripe) -> list[str]:
    return [each["id"] for each in stripe.all("subscription") if each["status"] == "active"]


def assert_one_live(session: Session, stripe: Stripe) -> None:
    """One runs and is paid; the other is over, its money back, and all of that is written down."""
    live = row(session, Subscription, state="active")
    ended = row(session, Subscription, state="ended")
    assert live_at_stripe(stripe) == [live.stripe_subscription_id]
    assert (ended.end_reason, ended.account_id) == ("staff", live.account_id)
    given_back = row(session, Donation, subscription_id=ended.id)
    assert given_back.refunded_minor == given_back.amount_minor == ended.amount_minor
    assert row(session, Donation, subscription_id=live.id).refunded_minor == 0
    assert len(stripe.all("refund")) == 1
    assert row(session, LedgerEntry).subscription_id == live.id
    assert row(session, AuditEntry).subject == f"subscription:{ended.id}"
    assert [kind for kind, _ in mails(session)] == [
        "receipt", "second_subscription_refunded", "welcome"
    ]  # fmt: skip
    told = row(session, OutboxEmail, kind="second_subscription_refunded")
    assert told.context["amount_minor"] == ended.amount_minor


@pytest.mark.parametrize("backwards", [False, True])
def test_two_checkouts_leave_one_live_subscription(
    session: Session,
    stripe: Stripe,
    give: Give,
    backwards: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """[B6] [L1] Nobody is told on the form that the address already gives (S3)."""
    pages = [give(amount="5"), give(amount="7")]
    for page in pages:
        stripe.pay(page)
    waiting = stripe.events()
    for event in reversed(waiting) if backwards else waiting:
        stripe.deliver(event)
        inbox.process_due()
    assert_one_live(session, stripe)
    assert row(session, Subscription, state="active").amount_minor == (700 if backwards else 500)
    alarm = [each for each in caplog.records if each.levelname == "ERROR"]
    assert len(alarm) == 1
    assert "second_subscription_ended" in alarm[0].getMessage()


@pytest.mark.parametrize(
    ("requests_before", "fault"), [*((count, 429) for count in range(1, 12)), (8, 500)]
)
def test_ending_a_second_one_survives_a_break_anywhere(
    session: Session, stripe: Stripe, give: Give, requests_before: int, fault: int
) -> None:
    """[B6] [L6] Stripe fails at the n-th request; the next attempt does what was left.

    The 500 is that of the refund, which Stripe would replay for the same key.
    """
    stripe.pay(give())
    stripe.deliver_all()
    stripe.pay(give(amount="7"))
    stripe.deliver(stripe.events("invoice.paid")[0])
    stripe.sandbox("faults", api_errors=["ok"] * requests_before + [fault])
    inbox.process_due()
    assert row(session, StripeEvent, state="pending").last_error is not None
    stripe.sandbox("faults", api_errors=[])
    make_due(session)
    with clock.fixed(clock.now() + timedelta(hours=1)):
        stripe.deliver_all()
    assert_one_live(session, stripe)


def test_money_that_comes_late_is_given_back_as_well(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B6] A bank debit is under way when the second one is ended."""
    stripe.pay(give())
    stripe.deliver_all()
    stripe.pay(give(amount="7"))
    late = stripe.events("invoice.paid")
    invoice = stripe.all("invoice")[-1]
    stripe.change(invoice["id"], status="open", amount_paid=0)
    stripe.delivered.update(each["id"] for each in late)
    stripe.deliver_all()
    ended = row(session, Subscription, state="ended")
    assert stripe.all("refund") == []
    stripe.change(invoice["id"], status="paid", amount_paid=700)
    for event in late:
        stripe.deliver(event)
        inbox.process_due()
    stripe.deliver_all()
    assert [each["amount"] for each in stripe.all("refund")] == [700]
    assert row(session, Donation, subscription_id=ended.id).refunded_minor == 700
    told = rows(session, OutboxEmail, kind="second_subscription_refunded")
    assert [each.context["amount_minor"] for each in told] == [0, 700]
    assert len([kind for kind, _ in mails(session) if kind == "receipt"]) == 1
    assert len(rows(session, AuditEntry)) == 2
    # Told again, it is nothing new.
    stripe.sandbox("events", type="invoice.updated", object=invoice["id"])
    stripe.deliver_all()
    assert len(rows(session, AuditEntry)) == 2


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_a_second_one_whose_payment_was_disputed_is_ended_all_the_same(
    session: Session, stripe: Stripe, give: Give, outcome: str
) -> None:
    """[B6] [L7] Stripe gives nothing of it back, whoever was right; no event waits for that."""
    stripe.pay(give())
    stripe.deliver_all()
    stripe.pay(give(amount="7"))
    dispute = stripe.sandbox("disputes", charge=stripe.all("charge")[-1]["id"])
    stripe.sandbox("disputes", dispute=dispute["id"], outcome=outcome)
    stripe.deliver_all()
    assert rows(session, StripeEvent, state="pending") == []
    live, ended = (
        row(session, Subscription, state="active"),
        row(session, Subscription, state="ended"),
    )
    assert (live.amount_minor, ended.amount_minor) == (500, 700)
    assert live_at_stripe(stripe) == [live.stripe_subscription_id]
    assert stripe.all("refund") == []
    assert row(session, Donation, subscription_id=ended.id).refunded_minor == 0
    assert (
        row(session, OutboxEmail, kind="second_subscription_refunded").context["has_refund"]
        is False
    )


@pytest.mark.parametrize("requests_before", [3, 4, 5, 6])
def test_what_a_revived_one_charged_is_given_back_after_a_break(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn, requests_before: int
) -> None:
    """[B6] It was marked and ended when the attempt broke off; what it gave before, it keeps."""
    browser = patron(session, stripe, give, signed_in)
    path = f"subscriptions/{row(session, Subscription).stripe_subscription_id}"
    stripe.api(path, cancel_at_period_end="true")
    stripe.move_clock(1)
    stripe.deliver_all()
    stripe.pay(give(browser, amount="7"))
    stripe.deliver_all()
    stripe.api(path, cancel_at_period_end="false")
    stripe.move_clock(31)
    revived = stripe.events("customer.subscription.updated")[0]
    stripe.deliver(revived)
    stripe.sandbox("faults", api_errors=["ok"] * requests_before + [429])
    inbox.process_due()
    assert row(session, StripeEvent, id=revived["id"]).state == "pending"
    stripe.sandbox("faults", api_errors=[])
    make_due(session)
    stripe.deliver_all()
    ended = row(session, Subscription, state="ended")
    assert ended.amount_minor == 500
    assert [each["amount"] for each in stripe.all("refund")] == [500]
    assert sorted(
        each.refunded_minor for each in rows(session, Donation, subscription_id=ended.id)
    ) == [0, 500]


@pytest.mark.parametrize(
    "told_by", ["checkout.session.completed", "radar.early_fraud_warning.created"]
)
def test_the_audit_log_is_free_while_stripe_is_asked(
    committed: Engine,
    stripe: Stripe,
    give: Give,
    monkeypatch: pytest.MonkeyPatch,
    told_by: str,
) -> None:
    """[S9] Everybody who writes into it would wait for Stripe.

    A warning of fraud leads to the subscription first, and then to the payment.
    """
    pages = [give(amount="5"), give(amount="7")]
    stripe.pay(pages[0])
    stripe.deliver_all()
    stripe.pay(pages[1])
    stripe.sandbox("fraud_warnings", charge=stripe.all("charge")[-1]["id"])
    stripe.deliver(stripe.events(told_by)[0])
    free: list[bool] = []
    read = gateway.read_payment

    def look_first(payment_id: str) -> PaymentSnapshot:
        taken = "SELECT pg_try_advisory_xact_lock(hashtextextended('audit_entry', 0))"
        with committed.connect() as connection:
            free.append(bool(connection.scalar(text(taken))))
        return read(payment_id)

    monkeypatch.setattr(gateway, "read_payment", look_first)
    inbox.process_due()
    assert len(free) > 2
    assert all(free)
    with transaction() as session:
        assert_one_live(session, stripe)


def test_answers_that_got_lost_give_nothing_back_twice(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B7] The work was done, the answer never came: asked again, it is not done again."""
    stripe.pay(give())
    stripe.deliver_all()
    stripe.pay(give(amount="7"))
    stripe.sandbox("faults", api_errors=["ok", "ok"] + ["timeout", "ok"] * 8)
    stripe.deliver_all()
    make_due(session)
    inbox.process_due()
    assert_one_live(session, stripe)


def test_two_workers_at_once_keep_one(
    committed: Engine, app: Flask, stripe: Stripe, give: Give
) -> None:
    """[B6] [L1] Each has one of two subscriptions begun at the same time.

    The account is there already, so that its creation does not make them wait.
    """
    with transaction() as session:
        factories.account(session, email="reader@example.org")
    for page in [give(amount="5"), give(amount="7")]:
        stripe.pay(page)
    for event in stripe.events("customer.subscription.created"):
        stripe.deliver(event)

    def work() -> None:
        with app.app_context():
            inbox.process_due(limit=1)

    workers = [threading.Thread(target=work) for _ in range(2)]
    with transaction() as session:
        givers.locked(session, row(session, Account).id)
        for worker in workers:
            worker.start()
        wait_for_waiters(committed, 2)
    for worker in workers:
        worker.join()
    with transaction() as session:
        # Nobody ran into the unique index: the account's lock made the other wait.
        told = {(each.state, each.attempts) for each in rows(session, StripeEvent)}
        assert told == {("processed", 1)}
    stripe.deliver_all()
    with transaction() as session:
        assert_one_live(session, stripe)


def test_ending_one_does_not_stop_the_retries_of_the_other(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn
) -> None:
    """[B6] [B12] Stripe stops them for the customer; what the kept one owes is still asked for."""
    stripe.pay(give(interval="year", amount="60"))
    stripe.deliver_all()
    old = row(session, Subscription)
    stripe.api(f"subscriptions/{old.stripe_subscription_id}", cancel_at_period_end="true")
    stripe.deliver_all()
    stripe.pay(give(signed_in(session, row(session, Account)), amount="7"))
    stripe.deliver_all()
    stripe.sandbox("cards", customer=old.stripe_customer_id, number="4000000000000341")
    stripe.move_clock(32)
    stripe.deliver_all()
    assert row(session, Subscription, amount_minor=700).state == "past_due"
    # Taken back at Stripe: the old one is a second one now.
    stripe.api(f"subscriptions/{old.stripe_subscription_id}", cancel_at_period_end="false")
    stripe.deliver_all()
    assert row(session, Subscription, id=old.id).state == "ended"
    (owed,) = [each for each in stripe.all("invoice") if each["status"] == "open"]
    assert owed["auto_advance"] is True
    assert owed["next_payment_attempt"] is not None


def test_what_was_said_before_the_wait_is_asked_again(
    committed: Engine, app: Flask, stripe: Stripe, give: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[L4] While we waited for the account, the subscription ended and another wrote that down."""
    stripe.pay(give())
    stripe.deliver_all()
    with transaction() as session:
        known = row(session, Subscription)
    stripe.sandbox(
        "events", type="customer.subscription.updated", object=known.stripe_subscription_id
    )
    stripe.deliver(stripe.events()[0])

    def work() -> None:
        with app.app_context():
            inbox.process_due(limit=1)

    worker = threading.Thread(target=work)
    with transaction() as session:
        givers.locked(session, known.account_id)
        worker.start()
        wait_for_waiters(committed, 1)
        stripe.api(f"subscriptions/{known.stripe_subscription_id}", method="DELETE")
        assert one_live.other_live(session, known.account_id, "sub_other") is None
    worker.join()
    with transaction() as session:
        assert [each.last_error for each in rows(session, StripeEvent) if each.last_error] == []
        assert rows(session, StripeEvent, state="pending") == []
        assert row(session, Subscription).state == "ended"


def test_an_end_far_ahead_leaves_it_live(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn
) -> None:
    """[B11] [L1] It charges again before; a second one beside it would be one too many."""
    browser = patron(session, stripe, give, signed_in)
    given = row(session, Subscription)
    path = f"subscriptions/{given.stripe_subscription_id}"
    in_half_a_year = given.current_period_end_at + timedelta(days=150)
    stripe.api(path, cancel_at=str(int(in_half_a_year.timestamp())))
    stripe.deliver_all()
    assert row(session, Subscription).state == "active"
    form = {"interval": "month", "currency": "EUR", "amount": "7", "email": "reader@example.org"}
    assert browser.post("/support", data=form).status_code == 409
    stripe.api(path, cancel_at=str(int(given.current_period_end_at.timestamp())))
    stripe.deliver_all()
    assert row(session, Subscription).state == "cancel_scheduled"
