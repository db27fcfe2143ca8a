"""Postmark's webhook, and what holds for every provider's."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.mail import reports
from tests.mail.reports import kept, payload, reason, sent_mail

URL = "/webhooks/mail/postmark"
LOGIN = ("kava", "a secret: with a colon")
Post = Callable[..., TestResponse]


@pytest.fixture
def hook(app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A provider's machine: no cookies, and the site insists on CSRF tokens."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    reports.use(app, monkeypatch, postmark_webhook_login=":".join(LOGIN))
    return app.test_client(use_cookies=False)


def test_a_hard_bounce_suppresses(session: Session, hook: FlaskClient) -> None:
    """[M4] Found by the Message-ID in its metadata; again is fine; no session, no page."""
    mail = sent_mail(session)
    for _ in range(2):
        answer = hook.post(URL, json=payload("postmark_bounce"), auth=LOGIN)
        assert answer.status_code == 200
        assert answer.content_type == "text/plain; charset=utf-8"
        assert "Set-Cookie" not in answer.headers
    assert kept(session) == [("postmark", "hard_bounce", "reader1@example.org")]
    assert reason(session) == "hard_bounce"
    session.refresh(mail)
    assert mail.bounced_at is not None


def test_a_complaint_suppresses(session: Session, hook: FlaskClient) -> None:
    """[M4]"""
    sent_mail(session)
    assert hook.post(URL, json=payload("postmark_complaint"), auth=LOGIN).status_code == 200
    assert reason(session) == "complaint"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (100001, "complaint"),
        (2048, "soft_bounce"),
        (8192, "soft_bounce"),
        (1, "hard_bounce"),
        (100000, "hard_bounce"),
        (100002, "hard_bounce"),
        (2, "soft_bounce"),
        (256, "soft_bounce"),
        (512, "soft_bounce"),
        (4096, "soft_bounce"),
        (100006, "soft_bounce"),
        (32, None),  # an absent reader's program answers
        (16, None),
        (999999999, None),
    ],
)
def test_what_is_a_bounce_and_how_hard(
    session: Session, hook: FlaskClient, code: int, kind: str | None
) -> None:
    """[M4] By Postmark's number of the kind."""
    sent_mail(session)
    body = payload("postmark_bounce", TypeCode=code)
    assert hook.post(URL, json=body, auth=LOGIN).status_code == 200
    assert [each[1] for each in kept(session)] == ([kind] if kind else [])
    assert reason(session) == (kind if kind in ("hard_bounce", "complaint") else None)


@pytest.mark.parametrize("metadata", [{}, None, {"message-id": None}, {"Message-ID": "<9@x>"}])
def test_without_metadata_the_address_tells(
    session: Session, hook: FlaskClient, metadata: Any
) -> None:
    """[M4] What else Postmark calls MessageID is its own; a null is as nothing."""
    sent_mail(session)
    body = payload("postmark_bounce", Metadata=metadata, Details=None)
    assert hook.post(URL, json=body, auth=LOGIN).status_code == 200
    assert reason(session) == "hard_bounce"


@pytest.mark.parametrize("kind", ["Delivery", "Open", "Click", "SubscriptionChange", "Novelty"])
def test_what_is_no_bounce_is_heard_and_not_stored(
    session: Session, hook: FlaskClient, kind: str
) -> None:
    """[M4] Nor does Postmark's own list of who left change ours."""
    sent_mail(session)
    body = payload("postmark_subscription_change", RecordType=kind)
    assert hook.post(URL, json=body, auth=LOGIN).status_code == 200
    assert kept(session) == []
    assert reason(session) is None


@pytest.mark.parametrize(
    "auth", [None, ("kava", "wrong"), ("", ""), ("kava", ""), ("ка́ва", "пароль")]
)
def test_whoever_has_no_password_is_refused(session: Session, hook: FlaskClient, auth: Any) -> None:
    """[M4] Nothing is written. 401, not 403, after which Postmark would not send it again."""
    sent_mail(session)
    answer = hook.post(URL, json=payload("postmark_bounce"), auth=auth)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.text == "Not taken: the user or the password is wrong.\n"
    assert kept(session) == []
    assert reason(session) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b'{"RecordType": 7}',
        b'{"RecordType": "Bounce"}',
        b'{"RecordType": "Bounce", "ID": "x", "Email": null}',
        b'{"RecordType": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_nonsense_is_answered_with_a_sentence(
    session: Session, hook: FlaskClient, body: bytes
) -> None:
    """[M4] 400, and what was sent is not repeated."""
    answer = hook.post(URL, data=body, auth=LOGIN)
    assert answer.status_code == 400
    assert answer.text.startswith("This is not the JSON that we expect. ")
    assert len(answer.text) < 200
    assert kept(session) == []


def test_a_body_has_a_limit(session: Session, hook: FlaskClient) -> None:
    answer = hook.post(URL, data=b" " * (512 * 1024 + 1), auth=LOGIN)
    assert answer.status_code == 413


def test_a_provider_that_is_not_used_is_not_there(session: Session, hook: FlaskClient) -> None:
    """[M4] An empty password must not let everybody in."""
    for name in ("ses", "mailgun", "sendgrid"):
        assert hook.post(f"/webhooks/mail/{name}", json={}, auth=("", "")).status_code == 404
    assert hook.get(URL).status_code == 405


def test_an_address_as_nobody_writes_it_changes_nothing(
    session: Session, hook: FlaskClient
) -> None:
    sent_mail(session)
    for odd in ("", "\0", "x" * 10_000, "reader1@example.org, reader2@example.org", "%"):
        body = payload("postmark_bounce", Metadata={}, Email=odd)
        assert hook.post(URL, json=body, auth=LOGIN).status_code == 200
    assert kept(session) == []
