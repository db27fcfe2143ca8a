"""Writing mail that is due, in the transaction of the fact that causes it (rule M1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.background import wake
from membership.mail import kinds
from membership.mail.models import OutboxEmail


@dataclass(frozen=True)
class Reader:
    """Whom a mail is for."""

    recipient: str
    language: str
    account_id: int | None = None


def put(
    session: Session,
    *,
    kind: str,
    recipient: str,
    subject: str,
    language: str,
    context: dict[str, Any] | None = None,
    account_id: int | None = None,
    not_after: datetime | None = None,
) -> None:
    """Write one mail to `recipient`; the same kind about the same `subject` is written once.

    `subject` names the fact, such as "donation:12". `context` is JSON for the templates of
    `kind`; its addresses come from membership.web.languages.address(). After `not_after` the mail
    is not sent any more. Raises kinds.UnknownKindError.
    """
    reader = Reader(recipient, language, account_id)
    put_to_all(session, [reader], kind, subject, {language: context or {}}, not_after)


def put_to_all(
    session: Session,
    readers: Iterable[Reader],
    kind: str,
    subject: str,
    contexts: dict[str, dict[str, Any]],
    not_after: datetime | None = None,
) -> None:
    """Write one mail to each of `readers`, as put() does, with the context of their language."""
    kinds.find(kind)
    now = clock.now()
    shared = {"kind": kind, "subject": subject, "not_after_at": not_after}
    shared |= {"next_attempt_at": now, "created_at": now}
    rows = [
        {
            "recipient": reader.recipient,
            "language": reader.language,
            "account_id": reader.account_id,
            "context": contexts[reader.language],
            **shared,
        }
        for reader in readers
    ]
    if rows:
        # On the table: for the class, SQLAlchemy leaves out what is NULL, and a stranger's mail
        # would be another statement than an account's (rule S3).
        once = insert(cast(Table, OutboxEmail.__table__)).on_conflict_do_nothing(
            index_elements=["kind", "recipient", "subject"]
        )
        session.execute(once, rows)
        wake(session, "mail.deliver")


def withdraw(
    session: Session, account_id: int, names: Iterable[str], subjects: Iterable[str]
) -> int:
    """Take back what has not left yet: mails of the kinds called `names` about `subjects`.

    Gives back how many; one that is on its way is not among them.
    """
    withdrawn = session.scalars(
        update(OutboxEmail)
        .where(
            OutboxEmail.account_id == account_id,
            OutboxEmail.kind.in_(list(names)),
            OutboxEmail.subject.in_(list(subjects)),
            OutboxEmail.state == "pending",
        )
        .values(state="expired")
        .returning(OutboxEmail.id)
    )
    return len(withdrawn.all())


def forget(session: Session, names: Iterable[str], before: datetime) -> None:
    """Delete the mails of the kinds called `names` that were written before then."""
    session.execute(
        delete(OutboxEmail).where(
            OutboxEmail.kind.in_(list(names)), OutboxEmail.created_at < before
        )
    )
