"""Leaving a kind of mail, in one click or on the page of preferences."""

import re
from base64 import urlsafe_b64decode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.mail import refusals
from tests import factories
from tests.mail import mails

ADDRESS = "reader1@example.org"


@pytest.fixture
def mail_program(app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """What posts by itself: it has no cookie and no CSRF token, and the site insists on both."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    return app.test_client(use_cookies=False)


def link(session: Session) -> str:
    mails.put(1, "news")
    return f"/unsubscribe/{refusals.unsubscribe_token(mails.rows()[0].id)}"


def test_looking_changes_nothing(session: Session, mail_program: FlaskClient) -> None:
    """[L23][M6] Scanners follow links: GET and HEAD show a page and its button."""
    url = link(session)
    for _ in range(2):
        page = mail_program.get(url)
        assert page.status_code == 200
        assert "News of the house" in page.text
        assert re.search(r'<form[^>]* method="post"', page.text)
        assert mail_program.head(url).status_code == 200
    assert refusals.refused(session, ADDRESS) == set()
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_one_click_unsubscribes_and_may_be_repeated(
    session: Session, mail_program: FlaskClient
) -> None:
    """[M6] RFC 8058: POST without sign-in, cookie or CSRF token; it sets no cookie either."""
    url = link(session)
    for _ in range(2):
        page = mail_program.post(url, data={"List-Unsubscribe": "One-Click"})
        assert page.status_code == 200
        assert "Set-Cookie" not in page.headers
    assert refusals.refused(session, ADDRESS) == {"news"}


def test_a_link_that_is_not_ours_changes_nothing(
    session: Session, mail_program: FlaskClient
) -> None:
    url = link(session)
    mails.put(2, "letter")
    letter = refusals.unsubscribe_token(mails.rows()[1].id)
    for wrong in (url[:-1], url + "x", "/unsubscribe/1", f"/unsubscribe/{letter}"):
        assert mail_program.post(wrong).status_code == 404
    assert refusals.refused(session, ADDRESS) == set()


def test_the_link_tells_nobody_the_address(session: Session) -> None:
    """[S10] Not even base64: it will stand in the logs of others."""
    mails.put(1, "news")
    (row,) = mails.rows()
    token = refusals.unsubscribe_token(row.id)
    assert len(token) == refusals.TOKEN_LETTERS
    assert int.from_bytes(urlsafe_b64decode(token)[: refusals.NUMBER_BYTES]) == row.id


def test_preferences_are_kept_per_kind(session: Session, signed_in) -> None:  # type: ignore[no-untyped-def]
    """[M8] What is ticked comes, what is not does not."""
    reader = factories.account(session, email=ADDRESS)
    browser = signed_in(session, reader)
    ticked = r'<input[^>]*value="news"[^>]* checked'
    assert re.search(ticked, browser.get("/account/mail").text)
    answer = browser.post("/account/mail", data={}, follow_redirects=True)
    assert not re.search(ticked, answer.text)
    assert "news" in refusals.refused(session, ADDRESS)
    browser.post("/account/mail", data={"kind": ["news", "nonsense"]})
    assert "news" not in refusals.refused(session, ADDRESS)
    assert re.search(ticked, browser.get("/account/mail").text)


def test_preferences_are_for_whoever_is_signed_in(client: FlaskClient, session: Session) -> None:
    answer = client.get("/account/mail")
    assert answer.headers["Location"] == "/sign-in?next=/account/mail"
