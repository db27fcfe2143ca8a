"""Amazon SES' reports, which an SNS topic posts with a signature."""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from membership.mail.sns import Amazon, AmazonAwayError
from tests.mail import reports
from tests.mail.reports import kept, payload, reason, sent_mail

URL = "/webhooks/mail/ses"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:bounces"
HOST = "https://sns.eu-central-1.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"
NOW = datetime(2026, 11, 5, 15, tzinfo=UTC)
KEY = generate_private_key(65537, 2048)


def certificate(key: RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(NOW - timedelta(days=1))
    made = builder.not_valid_after(NOW + timedelta(days=1)).sign(key, SHA256())
    return made.public_bytes(Encoding.PEM)


@dataclass
class FakeAmazon:
    """Gives its certificate, and whatever else is asked for; keeps a list of it."""

    asked: list[str] = field(default_factory=list)
    is_away: bool = False

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if self.is_away:
            raise AmazonAwayError("no answer")
        return certificate(KEY) if url.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"


def refused(status: str | None, said: str | None = "smtp; 550 5.7.1 blocked") -> dict[str, Any]:
    return {"emailAddress": "reader1@example.org", "status": status, "diagnosticCode": said}


@pytest.fixture
def amazon(app: Flask, monkeypatch: pytest.MonkeyPatch) -> FakeAmazon:
    fake = FakeAmazon()
    monkeypatch.setitem(app.extensions, "kava.amazon", Amazon(fake))
    reports.use(app, monkeypatch, ses_topic_arn=TOPIC)
    return fake


@pytest.fixture
def hook(app: Flask, amazon: FakeAmazon, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    return app.test_client(use_cookies=False)


def signed(message: dict[str, Any] | str, version: str = "2", **changes: str) -> dict[str, str]:
    """What SNS posts for a published `message`; `changes` are made before it is signed."""
    body = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-11-05T14:59:39.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE,
        "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe",
    } | changes
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn"]
    text = "".join(f"{name}\n{body[name]}\n" for name in [*names, "Type"] if name in body)
    algorithm = SHA1() if version == "1" else SHA256()
    return body | {"Signature": b64encode(KEY.sign(text.encode(), PKCS1v15(), algorithm)).decode()}


def confirmation(**changes: str) -> dict[str, str]:
    asks = {
        "Type": "SubscriptionConfirmation",
        "Token": "2336412f37",
        "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37",
    }
    return signed("You have chosen to subscribe to the topic.", **(asks | changes))


def post(hook: FlaskClient, body: dict[str, str]) -> int:
    """As SNS does: JSON that says it is text."""
    with clock.fixed(NOW):
        return hook.post(URL, data=json.dumps(body), content_type="text/plain").status_code


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_permanent_bounce_suppresses(session: Session, hook: FlaskClient, version: str) -> None:
    """[M4] Both versions of the signature; with a Subject, too; found by our own Message-ID."""
    mail = sent_mail(session)
    assert post(hook, signed(payload("ses_bounce"), version, Subject="Amazon SES\nBounce")) == 200
    assert kept(session) == [("ses", "hard_bounce", "reader1@example.org")]
    assert reason(session) == "hard_bounce"
    session.refresh(mail)
    assert mail.bounced_at is not None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (payload("ses_complaint"), "complaint"),
        (payload("ses_complaint", complaint__complaintFeedbackType="not-spam"), None),
        (payload("ses_complaint", complaint__complaintFeedbackType="auth-failure"), None),
        (payload("ses_complaint", complaint__complaintFeedbackType=None), "complaint"),
        (payload("ses_bounce", bounce__bounceType="Transient"), "soft_bounce"),
        (payload("ses_bounce", bounce__bouncedRecipients=[refused("5.7.1")]), "soft_bounce"),
        (payload("ses_bounce", bounce__bouncedRecipients=[refused(" ")]), "soft_bounce"),
        (payload("ses_bounce", bounce__bouncedRecipients=[refused(None, None)]), "hard_bounce"),
        (payload("ses_bounce", bounce__bounceType="Undetermined"), "soft_bounce"),
        (payload("ses_bounce", mail={}), "hard_bounce"),
        (payload("ses_delivery"), None),
        ({"eventType": "Open", "mail": {}, "open": {}}, None),
        ("Successfully validated SNS topic for Amazon SES event publishing.", None),
    ],
)
def test_what_each_message_means(
    session: Session, hook: FlaskClient, body: Any, kind: str | None
) -> None:
    """[M4] An identity's and a configuration set's; with the mail's head or without."""
    sent_mail(session)
    assert post(hook, signed(body)) == 200
    assert [each[1] for each in kept(session)] == ([kind] if kind else [])
    assert reason(session) == (kind if kind in ("hard_bounce", "complaint") else None)


def test_the_same_bounce_is_heard_once(session: Session, hook: FlaskClient) -> None:
    """[M4] SNS delivers at least once, and an identity and a configuration set both tell of it."""
    sent_mail(session)
    assert post(hook, signed(payload("ses_bounce"))) == 200
    assert post(hook, signed(payload("ses_bounce"), MessageId="another")) == 200
    assert len(kept(session)) == 1


def test_amazon_is_asked_once_for_its_certificate(
    session: Session, hook: FlaskClient, amazon: FakeAmazon
) -> None:
    for _ in range(3):
        assert post(hook, signed(payload("ses_delivery"))) == 200
    assert amazon.asked == [CERTIFICATE]


@pytest.mark.parametrize(
    "change",
    [
        {"Message": json.dumps(payload("ses_complaint"))},
        {"Signature": "AAAA"},
        {"Signature": "not base64"},
        {"SignatureVersion": "1"},
        {"SignatureVersion": "3"},
        {"Subject": "added"},
        {"Type": "SubscriptionConfirmation"},
    ],
)
def test_what_amazon_did_not_sign_is_refused(
    session: Session, hook: FlaskClient, amazon: FakeAmazon, change: dict[str, str]
) -> None:
    """[M4] 403, and nothing is written or confirmed."""
    sent_mail(session)
    assert post(hook, signed(payload("ses_bounce")) | change) == 403
    assert kept(session) == []
    assert amazon.asked in ([], [CERTIFICATE])


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE.replace("https", "http"),
        CERTIFICATE.replace("sns.eu-central-1.amazonaws.com", "sns.s3.amazonaws.com"),
        CERTIFICATE.replace("sns.eu-central-1", "sns.us-east-1"),
        CERTIFICATE.replace("amazonaws.com", "amazonaws.com.evil.example"),
        CERTIFICATE.replace("amazonaws.com", "amazonaws.com@evil.example"),
        CERTIFICATE.replace("amazonaws.com", "amazonaws.com:8443"),
        f"{CERTIFICATE}?1",
        f"{CERTIFICATE}#1",
        f"{HOST}/?Action=Publish",
        f"{HOST}/../SimpleNotificationService-9c.pem/x",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_certificate_from_elsewhere_is_not_even_fetched(
    session: Session, hook: FlaskClient, amazon: FakeAmazon, url: str
) -> None:
    """[M4] Its host is sns.<our topic's region>.amazonaws.com: "s3" there is anybody's bucket."""
    assert post(hook, signed(payload("ses_bounce"), SigningCertURL=url)) == 403
    assert amazon.asked == []


def test_another_topic_is_refused(session: Session, hook: FlaskClient, amazon: FakeAmazon) -> None:
    """[M4] Amazon signs for anybody's topic; only ours is heard, and confirmed."""
    sent_mail(session)
    other = TOPIC.replace("123456789012", "999999999999")
    assert post(hook, signed(payload("ses_bounce"), TopicArn=other)) == 403
    assert post(hook, confirmation(TopicArn=other)) == 403
    assert kept(session) == []
    assert amazon.asked == []


def test_our_topic_may_post_here(session: Session, hook: FlaskClient, amazon: FakeAmazon) -> None:
    """[M4] Its question is answered by opening the address that it names, at Amazon alone."""
    asks = confirmation()
    assert post(hook, asks) == 200
    assert amazon.asked == [CERTIFICATE, asks["SubscribeURL"]]
    assert post(hook, confirmation(SubscribeURL="https://evil.example/")) == 403
    assert len(amazon.asked) == 2


def test_leaving_the_topic_is_heard_and_no_more(
    session: Session, hook: FlaskClient, amazon: FakeAmazon
) -> None:
    assert post(hook, confirmation(Type="UnsubscribeConfirmation")) == 200
    assert amazon.asked == [CERTIFICATE]


def test_when_amazon_is_away_it_shall_send_again(
    session: Session, hook: FlaskClient, amazon: FakeAmazon
) -> None:
    """[M4] 503: what cannot be verified is neither believed nor lost."""
    sent_mail(session)
    amazon.is_away = True
    assert post(hook, signed(payload("ses_bounce"))) == 503
    assert kept(session) == []
    amazon.is_away = False
    assert post(hook, signed(payload("ses_bounce"))) == 200
    assert len(kept(session)) == 1


@pytest.mark.parametrize(
    "content", [b"no certificate", certificate(generate_private_key(65537, 2048))]
)
def test_a_wrong_certificate_is_refused_and_not_kept(
    app: Flask,
    session: Session,
    hook: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
) -> None:
    monkeypatch.setitem(app.extensions, "kava.amazon", Amazon(lambda _url: content))
    assert post(hook, signed(payload("ses_bounce"))) == 403


def test_a_certificate_that_has_run_out_is_refused(session: Session, hook: FlaskClient) -> None:
    with clock.fixed(NOW + timedelta(days=2)):
        body = json.dumps(signed(payload("ses_bounce")))
        assert hook.post(URL, data=body).status_code == 403


def test_nonsense_is_answered_with_a_sentence(session: Session, hook: FlaskClient) -> None:
    """[M4] 400; also for a raw message, which bears no signature."""
    for body in (b"", b"{}", json.dumps(payload("ses_bounce")).encode()):
        answer = hook.post(URL, data=body)
        assert answer.status_code == 400
        assert answer.text.startswith("This is not the JSON that we expect. ")
    assert post(hook, signed('{"bounce": 7}')) == 400
