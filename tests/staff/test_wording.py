"""Staff word our mails: what they save is checked as a whole, looked at before, and taken back."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.mail import wording
from membership.mail.models import MailWording
from membership.staff.mail.wording_page import field_of
from tests import factories
from tests.conftest import SignedIn
from tests.mail.every_kind import KINDS, LANGUAGES

PAGE = "/staff/mail/wording/card_expires/en"
SUBJECT = "Your card is valid until %(date)s"
HELLO = "Hello,"


@pytest.fixture(autouse=True)
def _read_anew(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield
        wording.read_anew()


def seen(browser: FlaskClient, page: str = PAGE) -> str:
    found = re.search(r'name="seen" value="([^"]*)"', browser.get(page).text)
    assert found
    return found.group(1)


def save(browser: FlaskClient, texts: dict[str, str], page: str = PAGE, **fields: object):
    data = {field_of(key): text for key, text in texts.items()}
    return browser.post(page, data={"seen": seen(browser, page), **data, **fields})


def saved(session: Session) -> dict[str, str]:
    rows = session.execute(select(MailWording.original, MailWording.text))
    return dict(rows.all())


@pytest.mark.parametrize("role", ["reporter", "finance"])
def test_editors_alone_word_our_mails(session: Session, signed_in: SignedIn, role: str) -> None:
    """[S8]"""
    browser = signed_in(session, factories.staff(session, role))
    for page in ("/staff/mail/wording", PAGE, f"{PAGE}/preview"):
        assert browser.get(page).status_code == 403
    for page in (PAGE, f"{PAGE}/delivered", f"{PAGE}/preview"):
        assert browser.post(page).status_code == 403


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [*KINDS, wording.SHARED])
def test_every_kind_has_its_page_and_its_letter(
    session: Session, browser: FlaskClient, kind: str, language: str
) -> None:
    page = browser.get(f"/staff/mail/wording/{kind}/{language}")
    assert page.status_code == 200
    assert (
        f'href="/staff/mail/wording/{kind}/{language}"' in browser.get("/staff/mail/wording").text
    )
    for part in ("html", "text"):
        letter = browser.get(f"/staff/mail/wording/{kind}/{language}/preview?part={part}&case=99")
        assert letter.status_code == 200


@pytest.mark.parametrize("page", ["nothing/en", "receipt/de", "parts.html/en"])
def test_what_is_no_mail_has_no_page(browser: FlaskClient, page: str) -> None:
    assert browser.get(f"/staff/mail/wording/{page}").status_code == 404
    assert browser.post(f"/staff/mail/wording/{page}").status_code == 404


def test_a_sentence_is_put_in_other_words(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    """With who and when; what is as ours is not kept; the audit log has before and after."""
    answer = save(browser, {SUBJECT: "Until %(date)s: your card", HELLO: "Hello,"})
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert saved(session) == {SUBJECT: "Until %(date)s: your card"}
    page = browser.get(PAGE).text
    assert '<div class="notice" data-kind="good"' in page
    assert f"Put so by {editor.email}" in page
    assert "1 sentence changed" in browser.get("/staff/mail/wording").text
    save(browser, {SUBJECT: "%(date)s: your card"})
    entries = session.scalars(
        select(AuditEntry).where(AuditEntry.action == "wording.changed").order_by(AuditEntry.id)
    ).all()
    assert [entry.subject for entry in entries] == ["wording:card_expires:en"] * 2
    assert [entry.actor_id for entry in entries] == [editor.id] * 2
    assert entries[1].detail["changes"] == [
        {"original": SUBJECT, "before": "Until %(date)s: your card", "after": "%(date)s: your card"}
    ]


def test_what_cannot_be_said_is_refused_as_a_whole(session: Session, browser: FlaskClient) -> None:
    """A lost placeholder: a sentence beside its field, what was typed stays, nothing is saved."""
    answer = save(browser, {SUBJECT: "Your card ends", HELLO: "Good <i>day</i>,"})
    assert answer.status_code == 422
    assert "Please keep %(date)s" in answer.text
    assert answer.text.count('aria-invalid="true"') == 1
    for typed in ("Your card ends", "Good &lt;i&gt;day&lt;/i&gt;,"):
        assert f">{typed}</textarea>" in answer.text
    assert saved(session) == {}
    assert not session.scalars(select(AuditEntry)).all()


@pytest.mark.parametrize("text", ["", "   ", SUBJECT])
def test_an_empty_field_means_as_delivered(
    session: Session, browser: FlaskClient, text: str
) -> None:
    save(browser, {SUBJECT: "%(date)s: your card"})
    save(browser, {SUBJECT: text})
    assert saved(session) == {}


def test_one_sentence_or_all_are_as_delivered_again(session: Session, browser: FlaskClient) -> None:
    """All of them for a reason alone, which the audit log keeps."""
    save(browser, {SUBJECT: "%(date)s: your card", HELLO: "Good day,"})
    save(browser, {SUBJECT: "whatever"}, ours=field_of(SUBJECT))
    assert saved(session) == {HELLO: "Good day,"}
    answer = browser.post(f"{PAGE}/delivered", data={"reason": " "})
    assert answer.status_code == 422
    assert '<a href="#reason">Please say why' in answer.text
    assert saved(session) == {HELLO: "Good day,"}
    assert browser.get(f"{PAGE}/delivered").location == PAGE
    why = {"reason": "Too stiff"}
    answer = browser.post(f"{PAGE}/delivered", data=why)
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert saved(session) == {}
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "wording.reset")).one()
    assert entry.detail["changes"] == [{"original": HELLO, "before": "Good day,", "after": None}]
    assert entry.detail["reason"] == "Too stiff"
    browser.post(f"{PAGE}/delivered", data=why)
    assert len(session.scalars(select(AuditEntry)).all()) == 3


def test_what_somebody_else_saved_meanwhile_is_not_lost(
    session: Session, browser: FlaskClient
) -> None:
    """Both are shown; saving once more decides."""
    old = seen(browser)
    save(browser, {HELLO: "Good day,"})
    data = {"seen": old, field_of(HELLO): "Good evening,"}
    answer = browser.post(PAGE, data=data)
    assert answer.status_code == 409
    assert ">Good evening,</textarea>" in answer.text
    assert "Good day,</q>" in answer.text
    assert saved(session) == {HELLO: "Good day,"}
    save(browser, {HELLO: "Good evening,"})
    assert saved(session) == {HELLO: "Good evening,"}


def test_a_letter_is_looked_at_before_it_is_saved(session: Session, browser: FlaskClient) -> None:
    """As typed, in both parts; the frame runs nothing; markup stays text."""
    data = {field_of(HELLO): "Good <script>alert(1)</script> day,"}
    html = browser.post(f"{PAGE}/preview", data={**data, "part": "html"})
    assert html.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")
    assert "script-src" not in html.headers["Content-Security-Policy"]
    assert html.headers["Cache-Control"] == "no-store"
    assert "Good &lt;script&gt;" in html.text
    assert "<script>" not in html.text
    text = browser.post(f"{PAGE}/preview", data={**data, "part": "text"})
    assert text.mimetype == "text/plain"
    assert text.text.startswith("Subject: Your card is valid until ")
    assert "Good <script>" in text.text
    assert saved(session) == {}
    broken = browser.post(f"{PAGE}/preview", data={field_of(SUBJECT): "Lost"})
    assert (broken.status_code, broken.mimetype) == (422, "text/plain")
    assert "Please keep %(date)s" in broken.text


def test_a_letter_shows_what_all_letters_share(session: Session, browser: FlaskClient) -> None:
    """Typed on the page of what is shared, or saved there before."""
    shared = "/staff/mail/wording/layout/en"
    typed = {field_of("Your newsroom,"): "Yours,"}
    assert "Yours,<br>" in browser.post(f"{shared}/preview", data=typed).text
    save(browser, {"Your newsroom,": "Yours,"}, shared)
    assert "Yours,<br>" in browser.get(f"{PAGE}/preview").text


def test_what_our_letter_does_not_say_any_more_can_be_forgotten(
    session: Session, browser: FlaskClient
) -> None:
    """After an upgrade: shown, and kept until somebody says so."""
    old = "A sentence of an older release"
    factories.add(
        session, MailWording(kind="card_expires", language="en", original=old, text="Mine")
    )
    page = browser.get(PAGE).text
    assert "No longer in the letter" in page
    assert old in page
    save(browser, {HELLO: "Good day,"})
    assert saved(session) == {old: "Mine", HELLO: "Good day,"}
    save(browser, {}, ours=field_of(old))
    assert saved(session) == {HELLO: "Good day,"}
