"""Reports from Mailgun's webhook (documentation.mailgun.com, "Webhooks").

Its signature covers a time and a token, not the event: so each token counts once.
"""

import hashlib
import hmac
from datetime import timedelta

from flask import Request
from pydantic import Field

from config.settings import settings
from membership import clock
from membership.mail.bounces import (
    COMPLAINT,
    HARD_BOUNCE,
    SOFT_BOUNCE,
    NotSignedError,
    Report,
    bounce_of,
    status_in,
)
from membership.mail.payload import Payload, read_json

# It tries for eight hours when we are away, and does not say whether it signs anew for each try.
OLDEST = timedelta(hours=12)
AHEAD = timedelta(seconds=300)
# Given up, but not because of the address: too old, blocked, or asked by its reader there.
ANOTHER_MATTER = {"old", "espblock", "suppress-unsubscribe"}


class _Signature(Payload):
    timestamp: str = Field(pattern=r"^[0-9]{1,12}$", coerce_numbers_to_str=True)
    token: str = Field(min_length=1)
    signature: str


class _Headers(Payload):
    message_id: str | None = Field(alias="message-id", default=None)


class _Message(Payload):
    headers: _Headers = _Headers()


class _Status(Payload):
    message: str = ""
    description: str = ""
    enhanced_code: str = Field(alias="enhanced-code", default="")


class _Event(Payload):
    event: str
    severity: str = ""
    reason: str = ""
    recipient: str = ""
    message: _Message = _Message()
    status: _Status = Field(alias="delivery-status", default=_Status())


class _Signed(Payload):
    signature: _Signature


class _Envelope(Payload):
    event: _Event = Field(alias="event-data")


def read(request: Request) -> list[Report]:
    """What a webhook reports; nothing for events of other kinds.

    Raises NotSignedError and UnreadableError.
    """
    body = request.get_data()
    signed = read_json(_Signed, body).signature
    _verify(signed)
    event = read_json(_Envelope, body).event
    kind = _kind(event)
    if kind is None:
        return []
    return [
        Report(
            provider="mailgun",
            reference=signed.token,
            kind=kind,
            address=event.recipient,
            message_id=event.message.headers.message_id,
            detail=event.status.message or event.status.description or event.reason,
        )
    ]


def _verify(signed: _Signature) -> None:
    key = settings().mailgun_signing_key.encode()
    text = f"{signed.timestamp}{signed.token}".encode()
    right = hmac.new(key, text, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), signed.signature.encode()):
        raise NotSignedError("the signature does not fit our signing key")
    age = clock.now().timestamp() - int(signed.timestamp)
    if age > OLDEST.total_seconds() or -age > AHEAD.total_seconds():
        raise NotSignedError(f"signed {age:.0f} s ago, going by this machine's clock")


def _kind(event: _Event) -> str | None:
    if event.event == "complained" or event.reason == "suppress-complaint":
        return COMPLAINT
    if event.event != "failed":
        return None
    if event.severity != "permanent" or event.reason in ANOTHER_MATTER:
        return SOFT_BOUNCE
    status = status_in(f"{event.status.enhanced_code} {event.status.message}")
    return bounce_of(status) if status else HARD_BOUNCE
