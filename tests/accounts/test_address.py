"""Another mail address: asked for with proof, proven by a link, told to the old one (rule S5)."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import accounts, address_changes, sign_in
from membership.accounts.models import Account, AddressChange, AuditEntry, SignIn
from membership.mail import suppression
from membership.mail.models import OutboxEmail
from membership.reports import timeline
from tests import factories
from tests.accounts import mailbox
from tests.pages import without_tokens

OLD = "olena@example.org"
NEW = "olena@other.example"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def reader(session: Session) -> Account:
    return factories.account(session, email=OLD, language="en", name="Olena")


@pytest.fixture
def browser(session: Session, reader: Account, signed_in) -> FlaskClient:  # type: ignore[no-untyped-def]
    """Where the reader has just signed in."""
    found: FlaskClient = signed_in(session, reader)
    return found


def let_in(session: Session, browser: FlaskClient, account: Account) -> None:
    with browser.session_transaction() as cookie:
        cookie["_user_id"] = sign_in.open_sign_in(session, account)
    session.flush()


def link(address: str = NEW) -> str:
    """The path of the link in the newest mail to `address`."""
    return mailbox.link(mailbox.all_to(address)[-1])


def newest(address: str) -> str:
    return mailbox.text(mailbox.all_to(address)[-1])


def kinds_to(address: str) -> list[str]:
    return [mail.kind for mail in mailbox.all_to(address)]


def ask(browser: FlaskClient, new: str = NEW) -> str:
    return browser.post("/account/address", data={"email": new}, follow_redirects=True).text


def test_the_link_shows_a_button_and_the_button_changes_the_address(
    session: Session, browser: FlaskClient, reader: Account
) -> None:
    """[S5] And the old address is told, without naming the new one (S10)."""
    assert "Look in the other mailbox" in ask(browser)
    page = browser.get(link())
    assert re.search(r'<form[^>]* method="post"', page.text)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in page.headers["Cache-Control"]
    answer = browser.post(link())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/profile")
    assert f"From now on you sign in as {NEW}" in browser.get("/account/profile").text
    session.refresh(reader)
    assert reader.email == NEW
    assert reader.verified_at is not None
    assert kinds_to(OLD) == ["address_changed"]
    assert NEW not in newest(OLD)
    assert "If this was not you" in newest(OLD)


def test_looking_changes_nothing(session: Session, browser: FlaskClient, reader: Account) -> None:
    """[S5][L12] Scanners open links: GET and HEAD, signed in or not, change nothing."""
    ask(browser)
    for _ in range(3):
        browser.get(link())
        browser.head(link())
    session.refresh(reader)
    assert reader.email == OLD
    assert browser.post(link()).status_code == 303


def test_only_the_account_that_asked_can_use_the_link(
    session: Session, app: Flask, browser: FlaskClient, reader: Account
) -> None:
    """[S5] Whoever reads a mail to a mistyped address gets no account by it."""
    ask(browser)
    stranger = app.test_client()
    assert "/sign-in" in stranger.post(link()).headers["Location"]
    assert "/sign-in" in stranger.get(link()).headers["Location"]
    other = factories.account(session, email="other@example.org")
    let_in(session, stranger, other)
    assert stranger.get(link()).status_code == 410
    assert stranger.post(link()).status_code == 410
    session.refresh(reader)
    session.refresh(other)
    assert (reader.email, other.email) == (OLD, "other@example.org")


def test_who_signed_in_long_ago_proves_anew_who_they_are(
    session: Session, browser: FlaskClient
) -> None:
    """[S5] A browser left open is no proof; a new sign-in is, and leads back here."""
    session.execute(update(SignIn).values(created_at=clock.now() - 16 * MINUTE))
    page = browser.get("/account/address").text
    assert "First, is it you?" in page
    assert 'name="email" value="olena@example.org"' in page
    assert "more than 15 minutes ago" in page
    answer = browser.post("/account/address", data={"email": NEW})
    assert answer.status_code == 403
    assert f"<strong>{NEW}</strong>" in answer.text
    assert mailbox.all_to(NEW) == []
    browser.post("/sign-in", data={"email": OLD, "next": "/account/address"})
    entered = browser.post("/sign-in/code", data={"code": mailbox.code(mailbox.all_to(OLD)[-1])})
    assert entered.headers["Location"] == "/account/address"
    assert f'value="{NEW}"' in browser.get("/account/address").text, "nothing is typed twice"
    assert "Look in the other mailbox" in ask(browser)
    assert NEW not in cookie_of(browser), "it is kept no longer than that"


def test_what_was_typed_waits_for_the_same_account_alone(
    session: Session, browser: FlaskClient
) -> None:
    """[S10] Whoever signs in next in this browser reads of nobody's new address."""
    session.execute(update(SignIn).values(created_at=clock.now() - 16 * MINUTE))
    browser.post("/account/address", data={"email": NEW})
    other = factories.account(session, email="other@example.org")
    browser.post("/sign-in", data={"email": other.email})
    browser.post("/sign-in/code", data={"code": mailbox.code(mailbox.all_to(other.email)[-1])})
    assert NEW not in browser.get("/account/address").text
    assert NEW not in cookie_of(browser)


def cookie_of(browser: FlaskClient) -> str:
    with browser.session_transaction() as cookie:
        return str(dict(cookie))


def test_the_page_stands_under_the_profile(browser: FlaskClient) -> None:
    """[R6] And the mail says what to do where another browser opens its link."""
    page = browser.get("/account/address").text
    assert 'href="/account/profile" aria-current="true"' in page
    ask(browser)
    assert "sign in first, do so with your address of until now" in newest(NEW)


def test_the_link_outlives_the_proof_but_not_its_hour(
    session: Session, browser: FlaskClient, reader: Account
) -> None:
    """[S5] Mail may be slow; an old link is worth nothing."""
    ask(browser)
    sent = link()
    with clock.fixed(clock.now() + 61 * MINUTE):
        page = browser.post(sent)
        assert page.status_code == 410
        assert OLD in page.text, "it says which address holds"
    with clock.fixed(clock.now() + 59 * MINUTE):
        assert browser.post(sent).status_code == 303
    session.refresh(reader)
    assert reader.email == NEW


def test_a_link_works_once_and_the_newest_alone(
    session: Session, browser: FlaskClient, reader: Account
) -> None:
    """[S5] One change an account: asking again voids what was asked before."""
    ask(browser)
    first = link()
    ask(browser, "third@other.example")
    assert browser.post(first).status_code == 410
    second = link("third@other.example")
    assert browser.post(second).status_code == 303
    assert browser.post(second).status_code == 410
    session.refresh(reader)
    assert reader.email == "third@other.example"
    assert session.scalar(select(func.count()).select_from(AddressChange)) == 0


def test_an_address_that_is_taken_gets_the_same_answer(
    session: Session, browser: FlaskClient, reader: Account
) -> None:
    """[S3] Page and rows are alike; only the mail, to whoever has the address, says so."""
    taken = factories.account(session, email="taken@example.org", language="uk")
    free = without_tokens(ask(browser, NEW))
    known = without_tokens(ask(browser, taken.email))
    assert re.sub(r"(?s)<time.*?</time>", "", known).replace(taken.email, NEW) == re.sub(
        r"(?s)<time.*?</time>", "", free
    )
    (mail,) = mailbox.all_to(taken.email)
    assert (mail.kind, mail.language) == ("address_taken", "uk")
    assert "/account/address/" not in mailbox.text(mail)
    for text in (mailbox.text(mail), newest(NEW)):
        assert OLD not in text, "who asks is nobody's business"
        assert "Olena" not in text


def test_an_address_that_was_taken_in_the_meantime_changes_nothing(
    session: Session, browser: FlaskClient, reader: Account
) -> None:
    """[S5] One clear sentence, and nothing half done."""
    ask(browser)
    sent = link()
    factories.account(session, email=NEW.upper())
    answer = browser.post(sent)
    assert answer.status_code == 409
    assert "has an account of its own by now" in answer.text
    session.refresh(reader)
    assert reader.email == OLD
    assert kinds_to(OLD) == []


@pytest.mark.parametrize("wrong", ["", "olena", "a@b", OLD, OLD.upper(), f"{NEW}, {OLD}"])
def test_what_is_no_new_address_is_refused(
    session: Session, browser: FlaskClient, wrong: str
) -> None:
    answer = browser.post("/account/address", data={"email": wrong})
    assert answer.status_code == 400
    assert "field-error" in answer.text
    assert session.scalar(select(func.count()).select_from(OutboxEmail)) == 0


def test_nobody_is_flooded(session: Session, browser: FlaskClient) -> None:
    """[S5] So many mails an hour for an account, and a day for an address; then it waits."""
    for number in range(address_changes.MOST_OF_ACCOUNT):
        ask(browser, f"olena{number}@other.example")
    assert "enough mails for now" in ask(browser)
    assert mailbox.all_to(NEW) == []
    with clock.fixed(clock.now() + 61 * MINUTE):
        address_changes.ask(session, factories.account(session).id, NEW)
        for _ in range(address_changes.MOST_OF_ADDRESS - 1):
            address_changes.ask(session, factories.account(session).id, NEW)
        with pytest.raises(address_changes.TooManyError):
            address_changes.ask(session, factories.account(session).id, NEW)


def test_other_sign_ins_end_and_this_one_stays(
    session: Session, app: Flask, browser: FlaskClient, reader: Account
) -> None:
    """[S5] Whoever else was signed in asks the new address from now on."""
    elsewhere = app.test_client()
    let_in(session, elsewhere, reader)
    assert elsewhere.get("/account/profile").status_code == 200
    ask(browser)
    browser.post(link())
    assert elsewhere.get("/account/profile").status_code == 302
    assert browser.get("/account/profile").status_code == 200


def test_a_sign_in_mail_to_the_old_address_is_void(
    session: Session, app: Flask, browser: FlaskClient, reader: Account
) -> None:
    """[S5] Who has the old mailbox has the account no longer."""
    elsewhere = app.test_client()
    elsewhere.post("/sign-in", data={"email": OLD})
    sent = mailbox.all_to(OLD)[-1]
    ask(browser)
    browser.post(link())
    assert elsewhere.post(mailbox.link(sent)).status_code == 410
    elsewhere.post("/sign-in", data={"email": OLD})
    assert kinds_to(OLD)[-1] == "sign_in_unknown"


def test_staff_see_that_it_changed_and_not_from_what(
    session: Session, browser: FlaskClient, reader: Account
) -> None:
    """[S9] An audit entry by number alone, which stands in the patron's story."""
    ask(browser)
    browser.post(link())
    entry = session.scalars(
        select(AuditEntry).where(AuditEntry.action == "account.address_changed")
    ).one()
    assert (entry.subject, entry.actor_id) == (f"account:{reader.id}", reader.id)
    assert "@" not in str(entry.detail)
    story = timeline.page(session, accounts.find(session, NEW) or reader)
    titles = [str(each.title) for each in story.entries]
    assert any("Mail address changed" in title for title in titles)


def test_what_was_never_proven_is_forgotten(session: Session, browser: FlaskClient) -> None:
    """[S10] It may name a stranger, in a row and in a mail."""
    ask(browser)
    with clock.fixed(clock.now() + timedelta(hours=25)):
        address_changes.forget_old(session)
    assert session.scalar(select(func.count()).select_from(AddressChange)) == 0
    assert mailbox.all_to(NEW) == []


def test_the_database_alone_changes_no_address(session: Session, browser: FlaskClient) -> None:
    """[S2] Neither row nor outbox holds the link."""
    ask(browser)
    token = link().rpartition("/")[2]
    row = session.scalars(select(AddressChange)).one()
    (mail,) = mailbox.all_to(NEW)
    assert token.encode() not in row.token_hash
    assert token not in str(mail.context)


def test_a_suppressed_new_address_gives_the_same_answer(
    session: Session, browser: FlaskClient
) -> None:
    """[S3] That nothing reaches it is not told to whoever types it."""
    suppression.suppress(session, NEW, "complaint")
    assert "Look in the other mailbox" in ask(browser)
