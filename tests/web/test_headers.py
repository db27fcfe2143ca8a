"""Security headers stand on every answer, errors too (rule S7)."""

import re
import sys
from collections.abc import Callable
from logging import StreamHandler, getLogger

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from config.settings import Settings
from tests import factories

PAGES = ["/", "/support", "/sign-in", "/nothing-here", "/healthz", "/static/css/kava.css"]


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_them(client: FlaskClient, session: Session, path: str) -> None:
    """[S7]"""
    answer = client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    for rule in ("default-src 'self'", "object-src 'none'", "base-uri 'none'"):
        assert rule in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Referrer-Policy" in answer.headers


def test_personal_pages_are_kept_by_nobody(client: FlaskClient, session: Session) -> None:
    """[S7]"""
    assert client.get("/sign-in").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("page", ["gift", "manage", "mend", "sign-in", "unsubscribe"])
def test_no_other_site_and_no_search_engine_learns_a_mailed_link(
    client: FlaskClient, session: Session, page: str
) -> None:
    """[S7] Nor one that has lost a letter."""
    act = "/cancel" if page == "manage" else ""
    for answer in (client.get(f"/{page}/of-no-mail"), client.post(f"/{page}/of-no-mail{act}")):
        assert answer.status_code >= 400
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Robots-Tag"] == "noindex"
    assert "X-Robots-Tag" not in client.get("/support").headers


def test_a_static_file_named_by_its_content_is_kept_for_good(client: FlaskClient) -> None:
    assert "immutable" in client.get("/static/css/kava.css?v=1").headers["Cache-Control"]
    assert "immutable" not in client.get("/static/css/kava.css").headers["Cache-Control"]


def test_an_error_says_what_to_do_and_nothing_technical(
    client: FlaskClient, session: Session
) -> None:
    page = client.get("/nothing-here")
    assert page.status_code == 404
    assert "Traceback" not in page.text
    assert 'href="/' in page.text


def test_http_is_refused_anywhere_but_on_this_machine(settings: Settings) -> None:
    """[S6] Cookies must be Secure."""
    values = settings.model_dump()
    with pytest.raises(ValueError, match="https"):
        Settings(_env_file=None, **(values | {"public_url": "http://courier.example"}))
    secure = Settings(_env_file=None, **(values | {"public_url": "https://courier.example/"}))
    assert secure.is_secure
    assert secure.public_url == "https://courier.example"


def test_all_wrong_settings_are_named_at_once(settings: Settings) -> None:
    values = settings.model_dump() | {
        "database_url": "mysql://x",
        "currencies": "EUR,XXX",
        "secret_key": "short",
        "stripe_secret_key": "pk_test_public",
    }
    with pytest.raises(ValueError, match="4 validation errors") as error:
        Settings(_env_file=None, **values)
    for name in ("database_url", "currencies", "secret_key", "stripe_secret_key"):
        assert name in str(error.value)


def test_session_cookies_are_bound_to_the_host_over_https(
    settings: Settings, app: Flask, another_app: Callable[[Settings], Flask]
) -> None:
    """[S6] On http://localhost, where clients drop a Secure cookie, they have no prefix."""
    assert app.config["SESSION_COOKIE_NAME"] == "session"
    other = another_app(settings.model_copy(update={"public_url": "https://courier.example"}))
    assert other.config["SESSION_COOKIE_NAME"] == "__Host-session"
    assert other.config["SESSION_COOKIE_SECURE"]
    assert other.config["SESSION_COOKIE_HTTPONLY"]
    assert other.config["SESSION_COOKIE_SAMESITE"] == "Lax"


def test_a_form_over_https_needs_no_referer(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[S6] [S7] Our token pages send none, and some browsers never do."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    browser = app.test_client()
    page = browser.get("/sign-in", base_url="https://localhost")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token
    fields = {"email": "olena@example.org", "csrf_token": token[1]}
    sent = browser.post("/sign-in", data=fields, base_url="https://localhost")
    assert sent.status_code == 303
    without = browser.post("/sign-in", data={"email": "a@b.example"}, base_url="https://localhost")
    assert without.status_code == 400


@pytest.mark.parametrize("path", ["/articles/a%00b", "/topics/a%00b", f"/rounds/{2**70}"])
def test_what_no_row_can_hold_is_a_bad_request(
    client: FlaskClient, session: Session, path: str
) -> None:
    assert client.get(path).status_code in {400, 404}


def test_an_error_keeps_what_programs_need(client: FlaskClient, session: Session) -> None:
    answer = client.delete("/topics")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_logs_hold_no_values_of_rows(
    session: Session, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[S10] An error of the database names neither parameters nor the row."""
    # For this test alone: where it looks is closed afterwards.
    (handler,) = (each for each in getLogger().handlers if type(each) is StreamHandler)
    monkeypatch.setattr(handler, "stream", sys.stderr)
    reader = factories.account(session, name="Olena")
    with pytest.raises(IntegrityError) as error, session.begin_nested():
        factories.account(session, email=reader.email, name=reader.name)
    structlog.get_logger("test").error("failed", exc_info=error.value)
    logged = capfd.readouterr().err
    assert "uq_account_email" in logged
    assert reader.email not in logged
    assert "Olena" not in logged
