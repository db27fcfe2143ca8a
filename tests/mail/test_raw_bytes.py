"""The bytes that leave the house, as a relay gets them (rule M6)."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.parse import urlsplit

import dkim
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from membership.db import transaction
from membership.mail import delivery, refusals
from sandbox.services import free_port
from tests.mail import mails, reports

KEY = generate_private_key(65537, 2048)
CYRILLIC = "Чому міст через річку закрито вже третій рік, і хто за це відповідає перед людьми"
# What mail servers like to change on the way.
AWKWARD = "Мости.\n.\n..two dots\nFrom here on  \n\ttab " + "довге слово " * 100 + "x" * 1200
# A newsroom may live in a long path; 120 letters pass every length at which headers are folded.
LONG = "n" * 120
SEEN = [b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe"]
SIGNED = [*SEEN, b"list-unsubscribe-post"]


@dataclass
class Relay:
    """Takes mails, and keeps the bytes as they came."""

    received: list[bytes] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: SmtpSession, envelope: Envelope
    ) -> str:
        self.received.append(envelope.original_content or b"")
        return "250 OK"


@pytest.fixture
def relay(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """What SMTP_URL points at."""
    found = Relay()
    server = Controller(found, hostname="127.0.0.1", port=free_port())
    server.start()
    reports.use(app, monkeypatch, smtp_url=f"smtp://127.0.0.1:{server.port}")
    try:
        yield found
    finally:
        server.stop()


@pytest.fixture
def send(committed: Engine, relay: Relay) -> Callable[..., bytes]:
    """The bytes of one mail to reader1@example.org that our worker has handed over."""

    def act(kind: str, topic: str, language: str = "uk") -> bytes:
        mails.put(1, kind, context={"topic": topic}, language=language)
        assert delivery.deliver_due() == {"sent": 1}
        (raw,) = relay.received
        return raw

    return act


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def head(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[0] + b"\r\n"


def signed_by_relay(raw: bytes, headers: list[bytes]) -> bytes:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    # No space may change on the way: the harder of the two canonical forms.
    options = {"include_headers": headers, "canonicalize": (b"simple", b"simple")}
    signature: bytes = dkim.sign(raw, b"s1", b"courier.example", pem, **options)
    return signature + raw


def verifies(raw: bytes) -> bool:
    """As a receiver finds, who asks for the relay's key."""
    der = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + b64encode(der)
    asked: list[bytes] = []

    def texts(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record

    is_right: bool = dkim.verify(raw, dnsfunc=texts)
    assert asked == [b"s1._domainkey.courier.example."]
    return is_right


def test_list_headers_are_plain_and_whole(
    app: Flask, monkeypatch: pytest.MonkeyPatch, send: Callable[..., bytes]
) -> None:
    """[M6] No RFC 2047 in them, each on one line, however long, beside a subject that needs it."""
    reports.use(app, monkeypatch, public_url=f"http://localhost/{LONG}")
    raw = send("news", CYRILLIC)
    assert b"\r\nSubject: =?utf-8?" in raw
    lines = [line for line in head(raw).split(b"\r\n") if line.lower().startswith(b"list-")]
    token = refusals.unsubscribe_token(mails.rows()[0].id).encode()
    link = b"http://localhost/" + LONG.encode() + b"/uk/unsubscribe/" + token
    assert lines == [
        b"List-Unsubscribe: <" + link + b">",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ]
    assert not any(b"=?" in line for line in lines)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_the_link_is_whole_in_both_bodies(
    app: Flask, monkeypatch: pytest.MonkeyPatch, send: Callable[..., bytes]
) -> None:
    """[M6][M7] Quoted-printable breaks its lines, and whoever reads it puts them together."""
    reports.use(app, monkeypatch, public_url=f"http://localhost/{LONG}")
    letter = parsed(send("news", AWKWARD))
    link = str(letter["List-Unsubscribe"]).strip("<>")
    for kind in ("plain", "html"):
        body = letter.get_body((kind,))
        assert body is not None
        assert link in body.get_content()


@pytest.mark.parametrize("kind", ["letter", "news"])
@pytest.mark.parametrize("topic", ["Bridges", CYRILLIC, AWKWARD], ids=["plain", "uk", "odd"])
def test_a_relays_signature_holds(send: Callable[..., bytes], kind: str, topic: str) -> None:
    """[M6][M11] DKIM over the very bytes that our worker sent."""
    raw = send(kind, topic)
    signed = signed_by_relay(raw, SIGNED if kind == "news" else SEEN[:-1])
    assert b"c=simple/simple" in signed
    assert verifies(signed)
    assert not verifies(signed.replace(b"Message-ID: <", b"Message-ID: <9"))
    assert not verifies(signed + b"One more line.\r\n")


def test_every_line_ends_as_mail_wants_it(send: Callable[..., bytes]) -> None:
    """A bare CR or LF would be changed on the way, and the signature broken."""
    raw = send("news", AWKWARD)
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", raw) is None
    assert re.search(rb"[ \t]\r\n", raw.replace(b"-- \r\n", b"")) is None


def test_the_link_of_the_very_mail_looks_by_get_and_leaves_by_post(
    app: Flask, send: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M6][L23] GET and HEAD change nothing; POST twice is fine, without cookie or CSRF token."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    path = urlsplit(str(parsed(send("news", CYRILLIC))["List-Unsubscribe"]).strip("<>")).path
    program: FlaskClient = app.test_client(use_cookies=False)
    for _ in range(2):
        assert program.get(path).status_code == 200
        assert program.head(path).status_code == 200
    assert refused() == set()
    for _ in range(2):
        answer = program.post(path, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
    assert refused() == {"news"}


def refused() -> set[str]:
    with transaction() as session:
        return refusals.refused(session, "reader1@example.org")


@pytest.mark.parametrize("kind", ["letter", "news"])
def test_a_mail_by_postmark_says_what_we_call_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch, send: Callable[..., bytes], kind: str
) -> None:
    """[M4] Else its bounces could be known by their address alone; nobody else needs it."""
    reports.use(app, monkeypatch, postmark_webhook_login="kava:secret")
    letter = parsed(send(kind, "Bridges"))
    assert letter["X-PM-Metadata-message-id"] == letter["Message-ID"]
    assert letter["Message-ID"] == mails.rows()[0].message_id


def test_postmark_would_refuse_a_name_that_is_too_long(
    app: Flask, monkeypatch: pytest.MonkeyPatch, send: Callable[..., bytes]
) -> None:
    """[M4] It takes 80 letters; its bounces are known by their address then."""
    sender = f"post@{'n' * 40}.example"
    reports.use(app, monkeypatch, postmark_webhook_login="kava:secret", mail_from=sender)
    letter = parsed(send("news", "Bridges"))
    assert len(letter["Message-ID"]) > 80
    assert letter["X-PM-Metadata-message-id"] is None


def test_a_mail_by_others_does_not(send: Callable[..., bytes]) -> None:
    assert b"X-PM" not in send("letter", "Bridges")
