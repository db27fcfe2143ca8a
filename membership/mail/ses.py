"""Reports from Amazon SES, which an SNS topic posts to us.

docs.aws.amazon.com/ses: "notification-contents", "event-publishing-retrieving-sns-contents".
"""

import structlog
from flask import Request, current_app
from pydantic import Field

from config.settings import settings
from membership.mail.bounces import (
    COMPLAINT,
    HARD_BOUNCE,
    NO_COMPLAINT,
    SOFT_BOUNCE,
    Report,
    bounce_of,
    status_in,
)
from membership.mail.payload import Payload, read_json
from membership.mail.sns import Amazon, fetch

log = structlog.get_logger(__name__)


class _Recipient(Payload):
    address: str = Field(alias="emailAddress")
    status: str = ""
    said: str = Field(alias="diagnosticCode", default="")


class _Bounce(Payload):
    # Permanent, Transient or Undetermined.
    type: str = Field(alias="bounceType")
    recipients: list[_Recipient] = Field(alias="bouncedRecipients")
    feedback_id: str = Field(alias="feedbackId")


class _Complaint(Payload):
    recipients: list[_Recipient] = Field(alias="complainedRecipients")
    feedback_id: str = Field(alias="feedbackId")
    type: str = Field(alias="complaintFeedbackType", default="")


class _Headers(Payload):
    # As we gave it; what arrives bears another.
    message_id: str | None = Field(alias="messageId", default=None)


class _Mail(Payload):
    headers: _Headers = Field(alias="commonHeaders", default=_Headers())


class _Notice(Payload):
    """An identity's notifications and a configuration set's events; `delivery` and so on are not
    for us.
    """

    mail: _Mail = _Mail()
    bounce: _Bounce | None = None
    complaint: _Complaint | None = None


def read(request: Request) -> list[Report]:
    """What a topic's message reports; nothing for messages of other kinds.

    A topic that asks whether it may post here is told so. Raises NotSignedError, UnreadableError
    and AmazonAwayError.
    """
    message = _amazon().read(request.get_data(), settings().ses_topic_arn)
    if message.is_confirmation:
        _amazon().confirm(message)
        log.info("sns_subscription_confirmed")
    if not message.is_notification:
        return []
    # Amazon's test of a new topic is a sentence.
    if not message.text.startswith("{"):
        return []
    return _reports(read_json(_Notice, message.text))


def _reports(notice: _Notice) -> list[Report]:
    if notice.bounce is not None:
        number, about = notice.bounce.feedback_id, notice.bounce.type
        return [
            _report(notice, number, _kind(about, each), each, about)
            for each in notice.bounce.recipients
        ]
    if notice.complaint is not None and notice.complaint.type not in NO_COMPLAINT:
        number, about = notice.complaint.feedback_id, notice.complaint.type
        people = notice.complaint.recipients
        return [_report(notice, number, COMPLAINT, each, about) for each in people]
    return []


def _kind(bounce_type: str, recipient: _Recipient) -> str:
    """Permanent is for Amazon what was refused for the sender's sake, too."""
    if bounce_type != "Permanent":
        return SOFT_BOUNCE
    status = status_in(f"{recipient.status} {recipient.said}")
    return bounce_of(status) if status else HARD_BOUNCE


def _report(
    notice: _Notice, feedback_id: str, kind: str, recipient: _Recipient, about: str
) -> Report:
    return Report(
        provider="ses",
        reference=f"{feedback_id} {recipient.address}",
        kind=kind,
        address=recipient.address,
        message_id=notice.mail.headers.message_id,
        detail=recipient.said or recipient.status or about,
    )


def _amazon() -> Amazon:
    """Made once for the application, with the keys that it has seen."""
    found: Amazon = current_app.extensions.setdefault("kava.amazon", Amazon(fetch))
    return found
