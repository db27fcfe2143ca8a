"""Mailgun's webhook, whose signature covers a time and a token."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from tests.mail import reports
from tests.mail.reports import kept, payload, reason, sent_mail

URL = "/webhooks/mail/mailgun"
KEY = "key-of-the-tests"
NOW = datetime.fromtimestamp(1794000000, UTC)  # as in the payload


@pytest.fixture
def hook(app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    reports.use(app, monkeypatch, mailgun_signing_key=KEY)
    return app.test_client(use_cookies=False)


def signed(body: dict[str, Any], key: str = KEY) -> dict[str, Any]:
    about = body["signature"]
    text = f"{about['timestamp']}{about['token']}".encode()
    about["signature"] = hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
    return body


def failed(**changes: Any) -> dict[str, Any]:
    return signed(payload("mailgun_failed", **changes))


def post(hook: FlaskClient, body: dict[str, Any], after: timedelta = timedelta()) -> int:
    with clock.fixed(NOW + after):
        return hook.post(URL, json=body).status_code


def test_a_permanent_failure_suppresses(session: Session, hook: FlaskClient) -> None:
    """[M4] Found by our Message-ID, which Mailgun writes without its brackets."""
    mail = sent_mail(session)
    assert post(hook, failed()) == 200
    assert kept(session) == [("mailgun", "hard_bounce", "reader1@example.org")]
    assert reason(session) == "hard_bounce"
    session.refresh(mail)
    assert mail.bounced_at is not None


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"event_data__severity": "temporary"}, "soft_bounce"),
        ({"event_data__reason": "suppress-bounce"}, "hard_bounce"),
        ({"event_data__reason": "suppress-complaint"}, "complaint"),
        ({"event_data__reason": "suppress-unsubscribe"}, "soft_bounce"),
        ({"event_data__reason": "old"}, "soft_bounce"),
        ({"event_data__reason": "espblock"}, "soft_bounce"),
        ({"event_data__delivery_status": {"enhanced-code": "5.7.1"}}, "soft_bounce"),
        ({"event_data__delivery_status": {"code": 605, "enhanced-code": ""}}, "hard_bounce"),
        ({"event_data__delivery_status": {"message": "5.1.1 No such user\n5.7.1"}}, "hard_bounce"),
        ({"event_data__delivery_status": {"message": "550 5.7.1 Blocked"}}, "soft_bounce"),
        ({"event_data__delivery_status": {"message": "No way to 5.7.1.9"}}, "hard_bounce"),
        ({"event_data__delivery_status": None, "event_data__message": None}, "hard_bounce"),
        ({"event_data__reason": None}, "hard_bounce"),
        ({"event_data__event": "rejected"}, None),
        ({"event_data__event": "complained"}, "complaint"),
        ({"event_data__event": "delivered"}, None),
        ({"event_data__event": "opened"}, None),
        ({"event_data__event": "unsubscribed"}, None),
        ({"event_data__event": "novelty"}, None),
    ],
)
def test_what_each_event_means(
    session: Session, hook: FlaskClient, changes: dict[str, Any], kind: str | None
) -> None:
    """[M4] What is no failure and no complaint is heard and not stored."""
    sent_mail(session)
    assert post(hook, failed(**changes)) == 200
    assert [each[1] for each in kept(session)] == ([kind] if kind else [])
    assert reason(session) == (kind if kind in ("hard_bounce", "complaint") else None)


def test_a_wrong_signature_is_refused(session: Session, hook: FlaskClient) -> None:
    """[M4] 403, and nothing is written."""
    sent_mail(session)
    wrong = [
        signed(payload("mailgun_failed"), key="another"),
        payload("mailgun_failed"),
        failed() | {"signature": signed(payload("mailgun_failed"))["signature"] | {"token": "x"}},
        signed(payload("mailgun_failed"), key=""),
    ]
    assert [post(hook, body) for body in wrong] == [403] * 4
    assert kept(session) == []
    assert reason(session) is None


def test_a_signature_of_long_ago_or_of_the_future_is_refused(
    session: Session, hook: FlaskClient
) -> None:
    """[M4] It tries for eight hours, so half a day is waited."""
    sent_mail(session)
    assert post(hook, failed(), after=timedelta(hours=13)) == 403
    assert post(hook, failed(), after=timedelta(minutes=-6)) == 403
    assert kept(session) == []
    assert post(hook, failed(), after=timedelta(hours=9)) == 200
    assert len(kept(session)) == 1


def test_a_token_counts_once(session: Session, hook: FlaskClient) -> None:
    """[M4] Its signature would fit any other event, so whoever saw one could name anybody."""
    sent_mail(session)
    other = sent_mail(
        session, subject="test:2", recipient="reader2@example.org", message_id="<2@courier.example>"
    )
    assert post(hook, failed()) == 200
    forged = failed(event_data__recipient=other.recipient)
    forged["event-data"]["message"]["headers"]["message-id"] = "2@courier.example"
    assert post(hook, forged) == 200
    assert reason(session, other.recipient) is None
    assert len(kept(session)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"signature": "x"},
        {"signature": {"timestamp": None, "token": "x", "signature": "x"}},
        {"signature": {"timestamp": "1", "token": "", "signature": "x"}},
    ],
)
def test_nonsense_is_answered_with_a_sentence(
    session: Session, hook: FlaskClient, body: dict[str, Any]
) -> None:
    answer = hook.post(URL, json=body)
    assert answer.status_code == 400
    assert answer.text.startswith("This is not the JSON that we expect. signature")


def test_signed_nonsense_is_still_nonsense(session: Session, hook: FlaskClient) -> None:
    body = signed(payload("mailgun_failed", signature__timestamp="soon"))
    assert hook.post(URL, json=body).status_code == 400
    assert post(hook, {"signature": failed()["signature"]}) == 400
    assert post(hook, {"signature": failed()["signature"], "event-data": []}) == 400
