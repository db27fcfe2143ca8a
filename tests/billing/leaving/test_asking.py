"""Deleting one's account: what charges ends first, and nothing that names a person is left."""

import json
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry, Note, SignIn
from membership.billing import leaving, sync
from membership.billing.comparison import run as comparing
from membership.billing.comparison.models import Difference
from membership.billing.gifts import letters as gift_letters
from membership.billing.gifts import sending
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
from membership.db import Base
from membership.mail import letters, refusals
from membership.mail.models import OutboxEmail, Suppression
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.gifts.steps import buy, gift, sent, text_of
from tests.billing.leaving.conftest import (
    ADDRESS,
    AWAY,
    DELETE,
    NAME,
    PRIVACY,
    Give,
    SignedIn,
    a_week_later,
    account,
    actions,
    at_stripe,
)
from tests.billing.reading import row, rows


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
    told.message_id = "<told@example.org>"
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
    friend = {"name": NAME, "letter": "As at the river", "email": ADDRESS}
    sent(stripe, browser, session, **friend)
    subscribed = {"customer": subscription.stripe_customer_id}
    stripe.sandbox("cards", number="5555555555554444", **subscribed)
    comparing.run_now()
    assert {"card": ["old", "new"]} in [each.fields for each in rows(session, Difference)]
    paper = issuing.receipt(session, donation, issuing.Giver(NAME), "en")
    browser.post(DELETE)
    stripe.deliver_all()
    with a_week_later():
        assert leaving.delete_due() == 1
        stripe.deliver_all()
        sync.sync_subscription(session, subscription.stripe_subscription_id, clock.now())
    assert [each["deleted"] for each in stripe.all("customer")] == [True]
    gone = account(session)
    assert (gone.email, gone.name) == (f"deleted-{gone.id}@deleted.invalid", None)
    assert gone.deleted_at is not None
    for table in Base.metadata.sorted_tables:
        kept = "\n".join(session.scalars(text(f"SELECT t::text FROM {table.name} t")))
        if table.name != "paper":
            for part in (ADDRESS, "Olena", "river", '4242"', '4444"'):
                assert part not in kept, table.name
    assert [each.amount_minor for each in rows(session, Donation)] == [500, 6000]
    assert row(session, Paper).pdf == paper.pdf
    assert row(session, Subscription).card_last4 is None
    assert actions(session)[-1] == "account.deleted"
    assert row(session, AuditEntry, action="account.deleted").subject == f"account:{gone.id}"


def test_a_gift_to_come_arrives_without_name_and_words(
    session: Session, stripe: Stripe, browser: FlaskClient
) -> None:
    """[S11] Whether its letter is written when its giver leaves, or not yet."""
    for friend, day in (("one@example.org", 0), ("two@example.org", 20)):
        send_on = (clock.newsroom_day() + timedelta(days=day)).isoformat()
        wanted = {"recipient_email": friend, "send_on": send_on, "email": ADDRESS}
        buy(stripe, browser, name=NAME, letter="As at the river", **wanted)
    sending.send_due()
    browser.post(DELETE)
    with a_week_later():
        leaving.delete_due()
    with clock.fixed(clock.now() + timedelta(days=21)):
        assert sending.send_due() == 1
    letters = rows(session, OutboxEmail, kind="gift")
    assert [each.recipient for each in letters] == ["one@example.org", "two@example.org"]
    for each in letters:
        assert "Someone who thought of you gives you a year" in text_of(each)
        assert "river" not in text_of(each)


def test_what_named_the_taker_of_a_gift_goes_with_them(
    session: Session, stripe: Stripe, browser: FlaskClient
) -> None:
    """[S11] The letter went to an address that was not their account's."""
    taken = gift(session, account_id=account(session).id, recipient_name="Olenka")
    gift_letters.gift(session, taken)
    browser.post(DELETE)
    with a_week_later():
        leaving.delete_due()
    letter = row(session, OutboxEmail, kind="gift")
    assert letter.context == {}
    assert letter.recipient.endswith("@deleted.invalid")


def test_nobody_signs_in_and_nobody_is_written_to(
    session: Session, stripe: Stripe, browser: FlaskClient
) -> None:
    """[S11] [S4] Every browser is signed out; mail that waits is not sent; the address is free."""
    browser.post(DELETE)
    with a_week_later():
        leaving.delete_due()
        assert browser.get("/account").location.startswith("/sign-in")
        assert all(each.revoked_at for each in rows(session, SignIn))
        assert {each.state for each in rows(session, OutboxEmail)} == {"suppressed"}
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


def test_who_is_leaving_begins_nothing_new(session: Session, browser: FlaskClient) -> None:
    """[L24] Before Stripe is asked: the page says how to stay; a gift once is still welcome."""
    browser.post(DELETE)
    form = {"interval": "month", "currency": "EUR", "amount": "5", "email": ADDRESS}
    answer = browser.post("/support", data=form)
    assert (answer.status_code, answer.location) == (303, PRIVACY)
    assert "Keep it first, then give." in browser.get(PRIVACY).text
    assert len(rows(session, Checkout)) == 1
    assert browser.post("/support", data=form | {"interval": "once"}).location.startswith("http")


def test_who_is_leaving_is_not_invited_to_begin_again(
    session: Session, browser: FlaskClient
) -> None:
    """[L24] Both pages say so before anything is filled in, and lead to the way back."""
    said = {"/account": "Your account will be deleted after", "/support": "keep the account first"}
    for path, sentence in said.items():
        assert sentence not in browser.get(path).text
    browser.post(DELETE)
    for path, sentence in said.items():
        page = browser.get(path).text
        assert sentence in page
        assert f'href="{PRIVACY}">Privacy: keep it' in page
    assert "Begin again" not in browser.get("/account").text
    browser.post(f"{PRIVACY}/keep")
    assert "Begin again" in browser.get("/account").text


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
