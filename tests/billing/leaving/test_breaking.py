"""Deleting an account while Stripe is away, workers race, and money comes too late."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing import gateway, inbox, leaving
from membership.billing.models import (
    Checkout,
    Donation,
    Subscription,
)
from membership.db import transaction
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.leaving.conftest import (
    ADDRESS,
    AWAY,
    DELETE,
    PRIVACY,
    Give,
    SignedIn,
    a_week_later,
    account,
    actions,
    at_stripe,
)
from tests.billing.reading import mails, row


def test_while_stripe_is_away_nothing_is_deleted(
    session: Session, stripe: Stripe, browser: FlaskClient
) -> None:
    """[L24] [S11] It stays due, the page says so, and all of it is done when Stripe is back."""
    stripe.sandbox("faults", **AWAY)
    assert browser.post(DELETE).status_code == 303
    assert "We end your support as soon as it does" in browser.get(PRIVACY).text
    with a_week_later():
        assert leaving.delete_due() == 0
        assert account(session).email == ADDRESS
        stripe.sandbox("faults", api_errors=[])
        assert at_stripe(stripe) == ["active"]
        assert leaving.delete_due() == 1
    assert at_stripe(stripe) == ["canceled"]
    assert account(session).deleted_at is not None


@pytest.mark.parametrize("requests_before", range(6))
def test_an_attempt_that_breaks_anywhere_is_taken_up(
    session: Session, stripe: Stripe, browser: FlaskClient, requests_before: int
) -> None:
    """[L24] Between any two requests to Stripe: the account is there until all is confirmed."""
    leaving.ask(account(session).id)
    with a_week_later():
        stripe.sandbox("faults", api_errors=["ok"] * requests_before + [429])
        done = leaving.delete_due()
        stripe.sandbox("faults", api_errors=[])
        assert (account(session).deleted_at is not None) == bool(done)
        if not done:
            assert account(session).email == ADDRESS
            assert leaving.delete_due() == 1
    assert at_stripe(stripe) == ["canceled"]
    assert [each.get("deleted") for each in stripe.all("customer")] == [True]
    assert actions(session).count("account.deleted") == 1


def test_a_customer_that_is_gone_already_is_fine(
    session: Session, stripe: Stripe, browser: FlaskClient
) -> None:
    """[S11] Staff deleted it at Stripe."""
    subscription = row(session, Subscription)
    stripe.api(f"customers/{subscription.stripe_customer_id}", method="DELETE")
    browser.post(DELETE)
    # And of this one Stripe has never heard.
    factories.subscription(
        session, account(session), state="ended", stripe_customer_id="cus_unknown"
    )
    with a_week_later():
        assert leaving.delete_due() == 1


def test_one_that_fails_does_not_hold_up_the_rest(
    session: Session, stripe: Stripe, browser: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    """[L7] What Stripe does not know is not taken for ended: staff are told, every time."""
    poison = factories.patron(session)
    for each in (poison.id, row(session, Account, email=ADDRESS).id):
        leaving.ask(each)
    with a_week_later():
        assert leaving.delete_due() == 1
    assert "account_not_deleted" in caplog.text
    session.refresh(poison)
    assert poison.deleted_at is None
    assert row(session, Account, email=poison.email).delete_after_at is not None


def test_open_payment_pages_are_closed(
    session: Session, stripe: Stripe, give: Give, signed_in: SignedIn
) -> None:
    """[L24] What was begun in another tab cannot be paid any more, signed in or not."""
    patron = factories.account(session, email=ADDRESS)
    stranger = give(email="somebody@example.org")
    pages = [give(), give(signed_in(session, patron), amount="7")]
    leaving.ask(patron.id)
    leaving.end_support(patron.id)
    assert [each["status"] for each in stripe.all("checkout.session")] == [
        "open", "expired", "expired",
    ]  # fmt: skip
    for page in pages:
        assert stripe.pay(page).status_code >= 400
    assert stripe.pay(stranger).status_code == 303


@pytest.mark.parametrize("is_deleted", [False, True])
def test_support_that_begins_too_late_is_ended_and_given_back(
    session: Session,
    stripe: Stripe,
    give: Give,
    signed_in: SignedIn,
    is_deleted: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """[L24] Paid before, told after: nobody pays for an account that is on its way out."""
    patron = factories.account(session, email=ADDRESS)
    stripe.pay(give(signed_in(session, patron)))
    leaving.ask(patron.id)
    if is_deleted:
        with a_week_later():
            leaving.delete_due()
    stripe.deliver_all()
    session.refresh(patron)
    assert patron.is_leaving
    assert at_stripe(stripe) == ["canceled"]
    assert row(session, Subscription).state == "ended"
    given = row(session, Donation)
    assert given.refunded_minor == given.amount_minor == 500
    assert len(stripe.all("refund")) == 1
    assert "support_while_leaving_ended" in caplog.text
    assert row(session, AuditEntry, action="support_while_leaving_ended").detail == {
        "refunded_minor": 500, "currency": "EUR", "kept": None,
    }  # fmt: skip
    assert ("ended_while_leaving", patron.email) in mails(session)
    assert all(address.endswith(patron.email) for _kind, address in mails(session))
    stripe.deliver_all()
    assert len(stripe.all("refund")) == 1


def test_many_workers_delete_once(
    committed: Engine, app: Flask, stripe: Stripe, give: Give
) -> None:
    """[L24] [L16] Each asks Stripe by turns; one writes it down."""
    stripe.pay(give())
    for event in stripe.events():
        stripe.deliver(event)
    inbox.process_due()
    with transaction() as session:
        leaver = session.scalars(select(Account.id)).one()
    leaving.ask(leaver)
    at = clock.now() + leaving.WEEK + timedelta(minutes=1)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with app.app_context(), clock.fixed(at):
                leaving.delete_due()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert not failures
    with transaction() as session:
        assert session.scalars(select(Account.deleted_at)).one() is not None
        deleted = session.scalars(
            select(AuditEntry.id).where(AuditEntry.action == "account.deleted")
        ).all()
        assert len(deleted) == 1
        assert session.scalars(select(Checkout.email)).one().endswith("@deleted.invalid")
    assert at_stripe(stripe) == ["canceled"]


def test_a_subscription_that_only_seems_ended_is_not_trusted(
    session: Session, stripe: Stripe, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[L24] Our row ends because Stripe, read again, says so; else the account stays."""
    monkeypatch.setattr(gateway, "cancel_subscription", lambda *_args: None)
    leaving.ask(account(session).id)
    with a_week_later():
        assert leaving.delete_due() == 0
    assert account(session).deleted_at is None
    assert stripe.all("customer")[0].get("deleted") is None
