"""Which mail an address gets: refusals of kinds by the reader, suppression of an address.

Looked at when a mail is sent, not when it is written (rule M4).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership.mail import kinds
from membership.mail.models import MailRefusal, OutboxEmail, Suppression


@dataclass(frozen=True)
class Subscriber:
    """Whom an unsubscribe link speaks of, and which kind of mail it ends."""

    address: str
    kind: kinds.Kind


def unsubscribe_token(mail: OutboxEmail) -> str:
    """For the link of a bulk mail: never expires, and names no address to whoever sees it."""
    return str(_signer().dumps(mail.id))


def subscriber(session: Session, token: str) -> Subscriber | None:
    """Whom `token` speaks of; None when it is not ours or its mail is forgotten."""
    try:
        number = _signer().loads(token)
    except BadSignature:
        return None
    mail = session.get(OutboxEmail, number)
    if mail is None or not kinds.is_bulk(mail.kind):
        return None
    return Subscriber(mail.recipient, kinds.find(mail.kind))


def refuse(session: Session, address: str, kind: str) -> None:
    """Send `address` no more mail of `kind`; may be repeated."""
    session.execute(insert(MailRefusal).values(address=address, kind=kind).on_conflict_do_nothing())


def refused(session: Session, address: str) -> set[str]:
    """The kinds that `address` does not want."""
    return set(session.scalars(select(MailRefusal.kind).where(MailRefusal.address == address)))


def prefer(session: Session, address: str, wanted: Iterable[str]) -> None:
    """Let `address` get the bulk kinds in `wanted` and no other."""
    chosen = set(wanted)
    session.execute(
        delete(MailRefusal).where(MailRefusal.address == address, MailRefusal.kind.in_(chosen))
    )
    for kind in kinds.bulk_kinds():
        if kind.name not in chosen:
            refuse(session, address, kind.name)


def why_not(session: Session, mail: OutboxEmail) -> str | None:
    """Why `mail` must not be sent to its recipient; None when it may."""
    reason = session.scalar(select(Suppression.reason).where(Suppression.address == mail.recipient))
    if reason is not None:
        return f"suppressed: {reason}"
    refusal = session.get(MailRefusal, (mail.recipient, mail.kind))
    if refusal is not None and kinds.is_bulk(mail.kind):
        return "refused by the reader"
    return None


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.config["SECRET_KEY"]), salt="unsubscribe")
