"""A mail that has left, what a provider says of it, and what we have written down."""

import asyncio
import copy
import json
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.mail import suppression
from membership.mail.models import MailReport, OutboxEmail
from tests import factories

PAYLOADS = Path(__file__).parent / "payloads"
# As in the payloads.
ADDRESS = "reader1@example.org"
MESSAGE_ID = "<1@courier.example>"


def payload(name: str, **changes: Any) -> dict[str, Any]:
    """A provider's JSON; `changes` name fields as `a__b`, "-" within names as "_"."""
    found: dict[str, Any] = copy.deepcopy(json.loads((PAYLOADS / f"{name}.json").read_text()))
    for path, value in changes.items():
        *above, last = path.split("__")
        place = found
        for step in above:
            place = place[step.replace("_", "-")]
        place[last.replace("_", "-")] = value
    return found


def postmark_bounce(letter: EmailMessage) -> dict[str, Any]:
    """What Postmark says of a letter that it could not deliver, by the name that we gave it."""
    name = str(letter["X-PM-Metadata-message-id"])
    values = {"ID": crc32(name.encode()), "Email": str(letter["To"])}
    return payload("postmark_bounce") | values | {"Metadata": {"message-id": name}}


class Impatient:
    """A mail server whose provider reports a bounce before it has even taken the mail."""

    def __init__(self, meanwhile: Callable[[EmailMessage], None]) -> None:
        self._meanwhile = meanwhile

    async def handle_DATA(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: SmtpSession, envelope: Envelope
    ) -> str:
        letter = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        await asyncio.to_thread(self._meanwhile, letter)
        return "250 OK"


def sent_mail(session: Session, **values: Any) -> OutboxEmail:
    """A mail to ADDRESS that was handed over as MESSAGE_ID."""
    defaults = {
        "kind": "letter",
        "recipient": ADDRESS,
        "subject": "test:1",
        "language": "en",
        "context": {},
        "state": "sent",
        "attempts": 1,
        "message_id": MESSAGE_ID,
    }
    found: OutboxEmail = factories.add(session, OutboxEmail(**(defaults | values)))
    return found


def reason(session: Session, address: str = ADDRESS) -> str | None:
    """Why `address` is suppressed; None when it is not."""
    found = suppression.of(session, address)
    return found.reason if found else None


def kept(session: Session) -> list[tuple[str, str, str]]:
    """Provider, kind and address of each report that was written down, in order."""
    columns = (MailReport.provider, MailReport.kind, MailReport.address)
    return [tuple(row) for row in session.execute(select(*columns).order_by(MailReport.id))]  # type: ignore[misc]


def use(app: Flask, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Let the newsroom use a provider."""
    known = app.extensions["kava.settings"].model_copy(update=settings)
    monkeypatch.setitem(app.extensions, "kava.settings", known)
