"""The letters of gifts. The one to the recipient names the giver only if the giver wanted it."""

from typing import Any

from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing import letters, links
from membership.billing.gifts.models import Gift
from membership.mail import kinds, outbox
from membership.web.languages import address


def _with_link(context: dict[str, Any], language: str) -> dict[str, Any]:
    said = dict(context)
    token = links.token("gift", said.pop("gift_id"))
    return {**said, "gift_url": address("gifts.take", language, token=token)}


GIFT = kinds.transactional("gift", _with_link)
GIFT_SENT = kinds.transactional("gift_sent")


def gift(session: Session, present: Gift) -> None:
    """To the recipient's address, which need not belong to an account; once per gift."""
    context = {
        "gift_id": present.id,
        "recipient_name": present.recipient_name,
        "sender_name": present.sender_name,
        "message": present.message,
        "months": present.months,
        "is_from_pool": present.source == "pool",
    }
    outbox.put(
        session,
        kind=GIFT,
        recipient=present.recipient_email,
        subject=f"gift:{present.id}",
        language=present.language,
        context=context,
    )


def gift_sent(session: Session, giver: Account, present: Gift) -> None:
    """To who gave it: the letter has left."""
    context = {
        "recipient": present.recipient_name or present.recipient_email,
        "gifts_url": address("gifts.overview", giver.language),
    }
    letters.put(session, giver, GIFT_SENT, f"gift:{present.id}", context)
