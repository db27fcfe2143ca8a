"""How long a sign-in lasts, and what ends it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from membership import clock
from membership.accounts import sign_in
from membership.accounts.models import Account, SignIn
from tests import factories

Enter = Callable[[Session, Account], FlaskClient]


def is_signed_in(browser: FlaskClient) -> bool:
    return browser.get("/account/profile").status_code == 200


def other_browser(app: Flask, session: Session, account: Account) -> FlaskClient:
    browser = app.test_client()
    token = sign_in.open_sign_in(session, account)
    session.flush()
    with browser.session_transaction() as cookie:
        cookie["_user_id"] = token
    return browser


def test_a_stolen_cookie_dies_at_sign_out(
    session: Session, signed_in: Enter, client: FlaskClient
) -> None:
    """[S4] The row ends, not only the cookie."""
    browser = signed_in(session, factories.account(session))
    stolen = browser.get_cookie("session")
    assert stolen is not None
    assert is_signed_in(browser)
    assert browser.post("/sign-out").headers["Location"] == "/"
    assert not is_signed_in(browser)
    browser.set_cookie("session", stolen.value)
    assert not is_signed_in(browser)


def test_signing_out_everywhere_ends_every_browser_of_that_account(
    app: Flask, session: Session, signed_in: Enter
) -> None:
    """[S4] And no one else's."""
    reader = factories.account(session)
    here = signed_in(session, reader)
    there = other_browser(app, session, reader)
    neighbour = other_browser(app, session, factories.account(session))
    assert is_signed_in(there)
    here.post("/account/sign-out-everywhere")
    assert [is_signed_in(browser) for browser in (here, there, neighbour)] == [False, False, True]


@pytest.mark.parametrize(
    ("days", "seen_after", "lasts"),
    [
        (29, 0, True),
        (31, 0, False),
        (60, 30, False),
        (58, 29, True),
        (89, 60, True),
        (90, 61, False),
    ],
)
def test_a_sign_in_ends_when_idle_and_in_the_end(
    session: Session, days: int, seen_after: int, lasts: bool
) -> None:
    """[S4] 30 days unused, or 90 days altogether."""
    start = clock.now()
    with clock.fixed(start):
        token = sign_in.open_sign_in(session, factories.account(session))
    row = session.scalars(select(SignIn)).one()
    row.seen_at = start + timedelta(days=seen_after)
    session.flush()
    with clock.fixed(start + timedelta(days=days)):
        assert (sign_in.find_account(session, token) is not None) == lasts


def test_being_seen_is_noted_hourly(session: Session) -> None:
    start = clock.now()
    with clock.fixed(start):
        token = sign_in.open_sign_in(session, factories.account(session))
    row = session.scalars(select(SignIn)).one()
    for minutes, seen in ((59, 0), (61, 61), (100, 61), (122, 122)):
        with clock.fixed(start + timedelta(minutes=minutes)):
            sign_in.find_account(session, token)
        assert row.seen_at == start + timedelta(minutes=seen)


def test_the_cookie_is_for_this_site_alone(
    settings: Settings, another_app: Callable[[Settings], Flask]
) -> None:
    """[S6] __Host-, Secure, HttpOnly, Lax, and as long-lived as a sign-in."""
    app = another_app(settings.model_copy(update={"public_url": "https://courier.example"}))
    app.config["WTF_CSRF_ENABLED"] = True
    answer = app.test_client().get("/sign-in", base_url="https://courier.example")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    for attribute in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert f"; {attribute}" in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-in/code", "/sign-in/x", "/sign-out", "/account/sign-out-everywhere"]
)
def test_every_change_needs_the_forms_token(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """[S6] CSRF."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    assert app.test_client().post(path, data={"email": "a@example.org"}).status_code == 400


def test_a_page_that_asks_for_nobody_is_the_same_for_all(
    session: Session, signed_in: Enter
) -> None:
    """[R2] A sign-in makes public pages neither vary nor set cookies."""
    browser = signed_in(session, factories.account(session))
    with browser.session_transaction() as cookie:
        cookie.permanent = True
    answer = browser.get("/healthz")
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_name_and_language_are_the_readers_to_change(session: Session, signed_in: Enter) -> None:
    reader = factories.account(session, name="Olena")
    browser = signed_in(session, reader)
    assert 'value="Olena"' in browser.get("/account/profile").text
    answer = browser.post(
        "/account/profile",
        data={"name": "  Olena   Koval ", "language": "uk"},
        follow_redirects=True,
    )
    assert "Saved." in answer.text
    session.refresh(reader)
    assert (reader.name, reader.language) == ("Olena Koval", "uk")
    browser.post("/account/profile", data={"name": "", "language": "en"})
    session.refresh(reader)
    assert (reader.name, reader.language) == (None, "en")


@pytest.mark.parametrize("fields", [{"name": "a" * 81, "language": "en"}, {"language": "fr"}])
def test_a_wrong_profile_is_said_and_changes_nothing(
    session: Session, signed_in: Enter, fields: dict[str, str]
) -> None:
    reader = factories.account(session, name="Olena")
    answer = signed_in(session, reader).post("/account/profile", data=fields)
    assert answer.status_code == 400
    assert "field-error" in answer.text
    session.refresh(reader)
    assert (reader.name, reader.language) == ("Olena", "en")
