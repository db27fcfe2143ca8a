"""Reports from Postmark's webhook (postmarkapp.com/developer/webhooks).

It signs nothing: the webhook's address is given to it as https://user:password@….
"""

import hmac
from typing import Any

from flask import Request
from pydantic import Field

from config.settings import settings
from membership.mail.bounces import COMPLAINT, HARD_BOUNCE, SOFT_BOUNCE, NoLoginError, Report
from membership.mail.payload import Payload, read_json

# By TypeCode (postmarkapp.com/developer/api/bounce-api#bounce-types). Not here is what is no
# bounce, such as an answer by an absent reader's program.
KINDS = {
    1: HARD_BOUNCE,  # no such mailbox
    100_000: HARD_BOUNCE,  # no mail address
    100_002: HARD_BOUNCE,  # deactivated by us there
    100_001: COMPLAINT,
    2: SOFT_BOUNCE,  # transient
    256: SOFT_BOUNCE,  # DNS error
    512: SOFT_BOUNCE,  # taken for spam
    2048: SOFT_BOUNCE,  # unknown
    4096: SOFT_BOUNCE,
    8192: SOFT_BOUNCE,  # taken for a virus
    100_006: SOFT_BOUNCE,  # blocked
    100_009: SOFT_BOUNCE,  # DMARC policy
}
# Under which a mail names itself (letters.POSTMARKS_NAME).
OUR_MESSAGE_ID = "message-id"


class _Event(Payload):
    record_type: str = Field(alias="RecordType")


class _Bounce(Payload):
    id: int = Field(alias="ID")
    type_code: int = Field(alias="TypeCode", default=0)
    email: str = Field(alias="Email")
    metadata: dict[str, Any] = Field(alias="Metadata", default_factory=dict)
    description: str = Field(alias="Description", default="")
    details: str = Field(alias="Details", default="")


def read(request: Request) -> list[Report]:
    """What a webhook reports; nothing for events of other kinds.

    Raises NoLoginError and UnreadableError.
    """
    _insist_on_login(request)
    body = request.get_data()
    event = read_json(_Event, body)
    if event.record_type not in {"Bounce", "SpamComplaint"}:
        return []
    bounce = read_json(_Bounce, body)
    is_complaint = event.record_type == "SpamComplaint"
    kind = COMPLAINT if is_complaint else KINDS.get(bounce.type_code)
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
            detail=bounce.details or bounce.description,
        )
    ]


def _insist_on_login(request: Request) -> None:
    given = request.authorization
    said = f"{given.username}:{given.password}" if given and given.type == "basic" else ""
    if not hmac.compare_digest(said.encode(), settings().postmark_webhook_login.encode()):
        raise NoLoginError("the user or the password is wrong")
