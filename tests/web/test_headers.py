"""Security headers stand on every answer, errors too (rule S7)."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import create_app
from config.settings import Settings
from membership import db

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


def test_session_cookies_are_bound_to_the_host_over_https(settings: Settings, app: Flask) -> None:
    """[S6] On http://localhost, where clients drop a Secure cookie, they have no prefix."""
    assert app.config["SESSION_COOKIE_NAME"] == "session"
    secure = settings.model_copy(update={"public_url": "https://courier.example"})
    other = create_app(secure)
    other.extensions["kava.engine"].dispose()
    db.use(app.extensions["kava.engine"])
    assert other.config["SESSION_COOKIE_NAME"] == "__Host-session"
    assert other.config["SESSION_COOKIE_SECURE"]
    assert other.config["SESSION_COOKIE_HTTPONLY"]
    assert other.config["SESSION_COOKIE_SAMESITE"] == "Lax"
