"""Reading what the outbox would send, without sending it."""

import re

from sqlalchemy import select

from membership.db import transaction
from membership.mail import letters
from membership.mail.models import OutboxEmail


def all_to(address: str) -> list[OutboxEmail]:
    """What was written to `address`, oldest first."""
    with transaction() as session:
        mails = select(OutboxEmail).where(OutboxEmail.recipient == address).order_by(OutboxEmail.id)
        return list(session.scalars(mails))


def text(mail: OutboxEmail) -> str:
    """The text part of a mail."""
    mail.message_id = "<test@courier.example>"
    body = letters.compose(mail).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link(mail: OutboxEmail) -> str:
    """The path of the one link with a token in a mail: to sign in, or of a new address."""
    (found,) = re.findall(r"http://localhost(\S*/(?:sign-in|account/address)/\S+)", text(mail))
    return str(found)


def code(mail: OutboxEmail) -> str:
    """The six digits in a sign-in mail."""
    (found,) = re.findall(r"\b\d{6}\b", text(mail))
    return str(found)
