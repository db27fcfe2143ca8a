"""Reports from Postmark's webhook (postmarkapp.com/developer/webhooks).

It signs nothing: the webhook's address is given to it as https://user:password@….
"""

import hmac
from typing import Any

from flask import Request
from pydantic import BaseModel, Field

from config.settings import settings
from membership.mail.bounces import COMPLAINT, HARD_BOUNCE, SOFT_BOUNCE, NotSignedError, Report
from membership.mail.payload import read_json

# By TypeCode (postmarkapp.com/developer/api/bounce-api#bounce-types): no such mailbox, no mail
# address, and deactivated by us there.
HARD = {1, 100_000, 100_002}
SOFT = {
    2: "transient",
    256: "DNS error",
    512: "taken for spam",
    4096: "soft bounce",
    8192: "unknown",
    100_006: "blocked",
    100_009: "DMARC policy",
}
# Under which a mail names itself (letters.POSTMARKS_NAME).
OUR_MESSAGE_ID = "message-id"


class _Event(BaseModel):
    record_type: str = Field(alias="RecordType")


class _Bounce(BaseModel):
    id: int = Field(alias="ID")
    type_code: int = Field(alias="TypeCode", default=0)
    email: str = Field(alias="Email")
    metadata: dict[str, Any] = Field(alias="Metadata", default_factory=dict)
    description: str | None = Field(alias="Description", default=None)
    details: str | None = Field(alias="Details", default=None)


def read(request: Request) -> list[Report]:
    """What a webhook reports; nothing for events of other kinds.

    Raises NotSignedError and UnreadableError.
    """
    _insist_on_login(request)
    body = request.get_data()
    event = read_json(_Event, body)
    if event.record_type not in {"Bounce", "SpamComplaint"}:
        return []
    bounce = read_json(_Bounce, body)
    kind = COMPLAINT if event.record_type == "SpamComplaint" else _kind(bounce.type_code)
    if kind is None:
        return []
    message_id = bounce.metadata.get(OUR_MESSAGE_ID)
    return [
        Report(
            provider="postmark",
            reference=str(bounce.id),
            kind=kind,
            address=bounce.email,
            message_id=str(message_id) if message_id else None,
            detail=bounce.details or bounce.description or "",
        )
    ]


def _kind(type_code: int) -> str | None:
    """None for what is no bounce, such as an answer by an absent reader's program."""
    if type_code in HARD:
        return HARD_BOUNCE
    return SOFT_BOUNCE if type_code in SOFT else None


def _insist_on_login(request: Request) -> None:
    given = request.authorization
    said = f"{given.username}:{given.password}" if given and given.type == "basic" else ""
    if not hmac.compare_digest(said.encode(), settings().postmark_webhook_login.encode()):
        raise NotSignedError("the user or the password is wrong")
