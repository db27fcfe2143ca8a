"""Which mail an address gets: kinds it refuses, a pause it took, its suppression.

Looked at when a mail is sent, not when it is written (rule M4).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import (
    ColumnElement,
    DateTime,
    SQLColumnExpression,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.mail import hidden, kinds, suppression
from membership.mail.models import MailPause, MailRefusal, OutboxEmail, Suppression

_UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True)
class Subscriber:
    """Whom an unsubscribe link speaks of, and which kind of mail it ends."""

    address: str
    kind: kinds.Kind


def unsubscribe_token(mail_id: int) -> str:
    """For the link of the bulk mail with this id in the outbox: hidden.LETTERS letters.

    Never expires, and tells neither address nor id to whoever sees it. It lives as long as the
    mail's row, and bulk mails are never deleted from the outbox (rule M6: at least a year).
    """
    return hidden.hide(mail_id, _UNSUBSCRIBE)


def subscriber(session: Session, token: str) -> Subscriber | None:
    """Whom `token` speaks of; None when it is not ours, or its mail or reader is forgotten.

    A mail moves with its reader to a new address, so an old link ends the mail of today.
    """
    mail_id = _mail_of(token)
    mail = session.get(OutboxEmail, mail_id) if mail_id is not None else None
    if mail is None or not kinds.is_bulk(mail.kind):
        return None
    if suppression.stands_for_nobody(session, mail.recipient):
        return None
    return Subscriber(mail.recipient, kinds.find(mail.kind))


def refuse(session: Session, address: str, kind: str) -> None:
    """Send `address` no more mail of `kind`; may be repeated."""
    refuse_all(session, [address], [kind])


def refuse_all(session: Session, addresses: Iterable[str], names: Collection[str]) -> None:
    """Send none of the addresses any more mail of the kinds called so; may be repeated."""
    rows = [{"address": each, "kind": name} for each in addresses for name in names]
    if rows:
        session.execute(insert(MailRefusal).on_conflict_do_nothing(), rows)


def accept(session: Session, address: str, kind: str) -> None:
    """Take a refusal back; may be repeated."""
    session.execute(
        delete(MailRefusal).where(MailRefusal.address == address, MailRefusal.kind == kind)
    )


def refused(session: Session, address: str) -> set[str]:
    """The kinds that `address` does not want."""
    return set(session.scalars(select(MailRefusal.kind).where(MailRefusal.address == address)))


def pause(session: Session, address: str, until: datetime | None) -> None:
    """Send `address` no bulk mail at all before `until` (None: until it says otherwise)."""
    paused = {"until_at": until, "created_at": clock.now()}
    session.execute(
        insert(MailPause)
        .values(address=address, **paused)
        .on_conflict_do_update(index_elements=["address"], set_=paused)
    )


def unpause(session: Session, address: str) -> None:
    """End a pause, if there is one."""
    session.execute(delete(MailPause).where(MailPause.address == address))


def find_pause(session: Session, address: str) -> MailPause | None:
    """The pause that `address` has now; a pause without an end has no `until_at`."""
    return session.scalar(select(MailPause).where(MailPause.address == address, _lasts()))


def obstacle(
    recipient: SQLColumnExpression[str] = OutboxEmail.recipient,
    kind: SQLColumnExpression[str] = OutboxEmail.kind,
    may_be_refused: ColumnElement[bool] | None = None,
    now: ColumnElement[datetime] | None = None,
) -> ColumnElement[str | None]:
    """SQL: why a mail of `kind` must not be sent to `recipient`, or NULL; both are columns of the
    statement around it, by default those of a row of OutboxEmail.

    Suppression stops every mail; a refused kind and a pause stop those that may be refused, so
    that neither ever stops a sign-in mail or a receipt. It may be built once and used forever:
    what it compares with is asked for whenever it runs, unless the statement around it knows by
    itself which mails `may_be_refused` and what time it is `now`.
    """
    suppressed = (
        select(func.concat("suppressed: ", Suppression.reason))
        .where(Suppression.address == recipient)
        .correlate_except(Suppression)
        .scalar_subquery()
    )
    refused = (
        exists()
        .where(MailRefusal.address == recipient, MailRefusal.kind == kind)
        .correlate_except(MailRefusal)
    )
    paused = exists().where(MailPause.address == recipient, _lasts(now)).correlate_except(MailPause)
    if may_be_refused is None:
        may_be_refused = kind.in_(
            bindparam("bulk_kinds", callable_=_bulk_names, expanding=True, unique=True)
        )
    found: ColumnElement[str | None] = func.coalesce(
        suppressed,
        case(
            (and_(may_be_refused, refused), "refused by the reader"),
            (and_(may_be_refused, paused), "paused by the reader"),
        ),
    )
    return found


def _lasts(now: ColumnElement[datetime] | None = None) -> ColumnElement[bool]:
    if now is None:
        now = bindparam("now", callable_=clock.now, type_=DateTime(timezone=True), unique=True)
    return or_(MailPause.until_at.is_(None), MailPause.until_at > now)


def _bulk_names() -> list[str]:
    return [kind.name for kind in kinds.bulk_kinds()]


def _mail_of(token: str) -> int | None:
    """The number in `token`, if it is one of ours; those of before had a dot."""
    if "." in token:
        try:
            return int(_signer().loads(token))
        except BadSignature:
            return None
    return hidden.reveal(token, _UNSUBSCRIBE)


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.config["SECRET_KEY"]), salt=_UNSUBSCRIBE)
