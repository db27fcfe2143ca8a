"""Deleting one's account: what charges ends first, and nothing that names a person is left."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry, Note, SignIn
from membership.billing import gateway, inbox, leaving
from membership.billing.models import (
    Checkout,
    Donation,
    Leaving,
    LedgerEntry,
    StripeEvent,
    Subscription,
)
from membership.billing.papers import issuing
from membership.billing.papers.models import Paper
from membership.db import Base, transaction
from membership.mail import delivery, letters, refusals
from membership.mail.models import OutboxEmail, Suppression
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.reading import mails, row, rows

Give = Callable[..., str]
SignedIn = Callable[[Session, Account], FlaskClient]
ADDRESS, NAME = "reader@example.org", "Olena Koval"
DELETE, PRIVACY = "/account/privacy/delete", "/account/privacy"
# More than any one attempt asks.
AWAY = {"api_errors": [429] * 40}


@pytest.fixture
def browser(session: Session, stripe: Stripe, give: Give, signed_in: SignedIn) -> FlaskClient:
    """A patron who gives monthly, signed in."""
    stripe.pay(give(name=NAME, message="Thank you for the story about the river"))
    stripe.deliver_all()
    return signed_in(session, row(session, Account))


def at_stripe(stripe: Stripe) -> list[str]:
    return [each["status"] for each in stripe.all("subscription")]


def account(session: Session) -> Account:
    found: Account = row(session, Account)
    return found


def a_week_later() -> Any:
    return clock.fixed(clock.now() + leaving.WEEK + timedelta(minutes=1))


def actions(session: Session) -> list[str]:
    return [each.action for each in rows(session, AuditEntry)]


def test_asking_ends_what_charges_at_once(
    session: Session, stripe: Stripe, browser: FlaskClient
) -> None:
    """[L24] [S11] Before anything is deleted; nothing is charged however time goes on."""
    answer = browser.post(DELETE)
    assert (answer.status_code, answer.location) == (303, PRIVACY)
    assert at_stripe(stripe) == ["canceled"]
    ended = row(session, Subscription)
    assert (ended.state, ended.end_reason) == ("ended", "voluntary")
    assert account(session).email == ADDRESS
    page = browser.get(PRIVACY).text
    assert "Nothing is charged any more." in page
    assert "Keep my account" in page
    paid = len(stripe.all("charge"))
    stripe.move_clock(40)
    stripe.deliver_all()
    assert len(stripe.all("charge")) == paid
    assert sum(each.amount_minor for each in rows(session, LedgerEntry)) == 0


def test_the_mail_says_what_happens(session: Session, browser: FlaskClient) -> None:
    """[S11] Once, however often the button is pressed; its subject tells of no gift (S10)."""
    browser.post(DELETE)
    browser.post(DELETE)
    told = row(session, OutboxEmail, kind="deletion_asked")
    assert told.recipient == ADDRESS
    told.message_id = letters.new_message_id()
    letter = letters.compose(told)
    body = letter.get_body(("plain",))
    assert body is not None
    assert "What you gave regularly ends now." in body.get_content()
    assert "http://localhost/account/privacy" in body.get_content()
    assert str(letter["Subject"]).startswith("Your account will be deleted after ")
    assert actions(session) == ["account.deletion_asked"]


def test_looking_asks_for_nothing(session: Session, stripe: Stripe, browser: FlaskClient) -> None:
    """[L23] The page before the button says what will happen."""
    for page in (PRIVACY, DELETE, f"/uk{DELETE}"):
        assert browser.get(page).status_code == 200
        assert browser.head(page).status_code == 200
    assert "Nothing more is charged." in browser.get(DELETE).text
    assert account(session).delete_after_at is None
    assert at_stripe(stripe) == ["active"]


def test_a_week_to_take_it_back(session: Session, stripe: Stripe, browser: FlaskClient) -> None:
    """[S11] The account comes back, the support does not, and one may ask again."""
    browser.post(DELETE)
    answer = browser.post("/account/privacy/keep", follow_redirects=True)
    assert "Your account stays." in answer.text
    with a_week_later():
        assert leaving.delete_due() == 0
    assert account(session).email == ADDRESS
    assert at_stripe(stripe) == ["canceled"]
    with clock.fixed(clock.now() + timedelta(hours=1)):
        browser.post(DELETE)
    assert len(rows(session, OutboxEmail, kind="deletion_asked")) == 2
    assert actions(session) == [
        "account.deletion_asked", "account.deletion_taken_back", "account.deletion_asked",
    ]  # fmt: skip


def test_after_the_week_it_is_too_late(session: Session, browser: FlaskClient) -> None:
    """[S11] What is due may be under way already."""
    browser.post(DELETE)
    with a_week_later():
        assert leaving.take_back(account(session).id) is False
    assert account(session).delete_after_at is not None


def test_nothing_that_names_a_person_is_left(
    session: Session, stripe: Stripe, browser: FlaskClient
) -> None:
    """[S11] No table holds the address, the name or their words; the books and a paper stay."""
    patron = account(session)
    session.add(Note(account_id=patron.id, text="Olena Koval rang"))
    subscription = row(session, Subscription)
    session.add(Leaving(subscription_id=subscription.id, reason="other", comment="Olena moves"))
    refusals.refuse(session, ADDRESS, "published")
    browser.post("/sign-in", data={"email": ADDRESS})
    donation = row(session, Donation)
    paper = issuing.receipt(session, donation, issuing.Giver(NAME), "en")
    browser.post(DELETE)
    stripe.deliver_all()
    with a_week_later():
        assert leaving.delete_due() == 1
        stripe.deliver_all()
    assert [each["deleted"] for each in stripe.all("customer")] == [True]
    gone = account(session)
    assert (gone.email, gone.name) == (f"deleted-{gone.id}@deleted.invalid", None)
    assert gone.deleted_at is not None
    for table in Base.metadata.sorted_tables:
        kept = "\n".join(session.scalars(text(f"SELECT t::text FROM {table.name} t")))
        if table.name != "paper":
            for part in (ADDRESS, "Olena", "river"):
                assert part not in kept, table.name
    assert row(session, Donation).amount_minor == 500
    assert row(session, Paper).pdf == paper.pdf
    assert row(session, Subscription).card_last4 is None
    assert actions(session)[-1] == "account.deleted"
    assert row(session, AuditEntry, action="account.deleted").subject == f"account:{gone.id}"


def test_nobody_signs_in_and_nobody_is_written_to(
    session: Session, stripe: Stripe, browser: FlaskClient
) -> None:
    """[S11] [S4] Every browser is signed out; mail that waits is not sent; the address is free."""
    browser.post(DELETE)
    with a_week_later():
        leaving.delete_due()
        assert browser.get("/account").location.startswith("/sign-in")
        assert all(each.revoked_at for each in rows(session, SignIn))
        assert {each.state for each in rows(session, OutboxEmail)} == {"pending"}
        delivery.deliver_due(budget_seconds=0.0)
        waiting = rows(session, OutboxEmail)
        assert all(refusals.why_not(session, each) for each in waiting)
    assert session.scalars(select(Suppression.reason)).all() == ["account deleted"]
    factories.account(session, email=ADDRESS)


@pytest.mark.parametrize("state", ["past_due", "paused", "cancel_scheduled"])
def test_every_state_that_may_charge_again_is_ended(
    session: Session, stripe: Stripe, browser: FlaskClient, state: str
) -> None:
    """[L24] Also what only waits: a retry, a pause that ends, an end that could be taken back."""
    path = f"subscriptions/{row(session, Subscription).stripe_subscription_id}"
    if state == "paused":
        stripe.api(path, **{"pause_collection[behavior]": "void"})
    elif state == "cancel_scheduled":
        stripe.api(path, cancel_at_period_end="true")
    else:
        stripe.change(path.partition("/")[2], status="past_due")
    stripe.deliver_all()
    browser.post(DELETE)
    assert at_stripe(stripe) == ["canceled"]
    assert row(session, Subscription).state == "ended"


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


def test_who_is_leaving_begins_nothing_new(session: Session, browser: FlaskClient) -> None:
    """[L24] Before Stripe is asked: the page says how to stay; a gift once is still welcome."""
    browser.post(DELETE)
    form = {"interval": "month", "currency": "EUR", "amount": "5", "email": ADDRESS}
    answer = browser.post("/support", data=form)
    assert (answer.status_code, answer.location) == (303, PRIVACY)
    assert "Keep it first, then give." in browser.get(PRIVACY).text
    assert len(rows(session, Checkout)) == 1
    assert browser.post("/support", data=form | {"interval": "once"}).location.startswith("http")


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


def test_staff_cannot_leave_with_their_role(
    session: Session, signed_in: SignedIn, client: FlaskClient
) -> None:
    """[S11] An admin takes the role away first."""
    editor = factories.staff(session)
    answer = signed_in(session, editor).post(DELETE)
    assert answer.status_code == 409
    assert "Once an admin has taken your role away" in answer.text
    assert row(session, Account).delete_after_at is None


def test_the_pages_are_for_the_signed_in(client: FlaskClient, session: Session) -> None:
    """[S6] [S7] Personal pages, kept by no cache."""
    for page in (PRIVACY, DELETE):
        assert client.get(page).location.startswith("/sign-in?next=")
    for page in (DELETE, "/account/privacy/keep"):
        assert client.post(page).location.startswith("/sign-in")


def test_without_any_support(session: Session, stripe: Stripe, signed_in: SignedIn) -> None:
    """[S11] Nothing is said of gifts, and Stripe is not asked for anything."""
    browser = signed_in(session, factories.account(session))
    assert "What you give regularly ends now" not in browser.get(DELETE).text
    stripe.sandbox("faults", **AWAY)
    browser.post(DELETE)
    assert browser.get(PRIVACY).headers["Cache-Control"] == "no-store"
    assert row(session, OutboxEmail).context["gave"] is False
    with a_week_later():
        assert leaving.delete_due() == 1


def test_stored_events_name_nobody(session: Session, stripe: Stripe, give: Give) -> None:
    """[S10] Of what Stripe sends, only what leads to its subject is kept: type, ids, times."""
    stripe.pay(give(name=NAME))
    assert NAME in json.dumps(stripe.events())
    stripe.deliver_all()
    kept = json.dumps([each.payload for each in rows(session, StripeEvent)])
    assert len(rows(session, StripeEvent)) >= 4
    for part in (ADDRESS, NAME, "4242"):
        assert part not in kept


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
