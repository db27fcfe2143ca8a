"""Writing mail that is due, in the transaction of the fact that causes it (rule M1)."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, cast

from flask_babel import force_locale
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Select,
    Table,
    and_,
    case,
    delete,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.background import wake
from membership.db import lock
from membership.mail import kinds
from membership.mail.models import OutboxEmail

ADDRESSES = "mail addresses"


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
    kinds.find(kind)
    now = clock.now()
    # On the table: for the class, SQLAlchemy leaves out what is NULL, and a stranger's mail
    # would be another statement than an account's (rule S3).
    session.execute(
        _once(),
        {
            "kind": kind,
            "recipient": recipient,
            "subject": subject,
            "account_id": account_id,
            "language": language,
            "context": context or {},
            "is_bulk": kinds.is_bulk(kind),
            "not_after_at": not_after,
            "created_at": now,
        },
    )
    wake(session, "mail.deliver")


def put_to_all(
    session: Session,
    readers: Select[*tuple[Any, ...]],
    kind: str,
    subject: str,
    letter: Callable[[str], dict[str, Any]],
    not_after: datetime | None = None,
    campaign_id: int | None = None,
    starts_at: datetime | None = None,
) -> int:
    """Write one mail to each of `readers`, as put() does, in one statement however many they are.

    `readers` asks for address, language and account id; a fourth column, JSON, is added to the
    context of each. `letter` gives the context in a language, in whose locale it is called; who
    reads one that is not offered gets the site's first. None leaves before `starts_at`. Gives back
    how many were written: whoever had that mail already is not among them.
    """
    kinds.find(kind)
    share_addresses(session)
    now = clock.now()
    contexts = {}
    for each in settings().languages:
        with force_locale(each):
            contexts[each] = literal(letter(each), JSONB)
    reader = readers.subquery("reader")
    recipient, language, account_id, *own = reader.c
    known = case((language.in_(list(contexts)), language), else_=settings().languages[0])
    context = case(contexts, value=known)
    row = {
        "kind": literal(kind),
        "recipient": recipient,
        "subject": literal(subject),
        "account_id": account_id.cast(BigInteger),
        "language": known,
        "context": context.concat(own[0]) if own else context,
        "is_bulk": literal(kinds.is_bulk(kind)),
        "campaign_id": literal(campaign_id, BigInteger),
        # By the database's clock, as workers look at it.
        "next_attempt_at": literal(starts_at) if starts_at else func.now(),
        "not_after_at": literal(not_after, DateTime(timezone=True)),
        "created_at": literal(now),
    }
    columns = select(*(value.label(name) for name, value in row.items()))
    statement = _once().from_select(list(row), columns)
    # Of an INSERT, SQLAlchemy tells it only when asked.
    written = session.execute(statement.execution_options(preserve_rowcount=True))
    wake(session, "mail.deliver")
    return written.rowcount  # type: ignore[attr-defined,no-any-return]


def hold_addresses(session: Session) -> None:
    """Let nobody write to many until this transaction ends, and wait for who does.

    For whoever gives an account another address, before anything else is locked: letters go to
    where their readers were when the writing of them began.
    """
    lock(session, ADDRESSES)


def share_addresses(session: Session) -> None:
    """Wait for whoever gives an account another address, before looking one up by it."""
    lock(session, ADDRESSES, shared=True)


def _once() -> Any:
    return insert(cast(Table, OutboxEmail.__table__)).on_conflict_do_nothing(
        index_elements=["kind", "recipient", "subject"]
    )


def withdraw(
    session: Session, account_id: int, names: Iterable[str], subjects: Iterable[str]
) -> int:
    """Take back what has not left yet: mails of the kinds called `names` about `subjects`.

    Gives back how many; one that is on its way is not among them.
    """
    about = and_(OutboxEmail.kind.in_(list(names)), OutboxEmail.subject.in_(list(subjects)))
    return _withdraw(session, account_id, about)


def withdraw_bulk(session: Session, account_id: int) -> int:
    """Take back what an account could have refused and has not left yet; gives back how many."""
    return _withdraw(session, account_id, OutboxEmail.is_bulk.expression)


def _withdraw(session: Session, account_id: int, which: ColumnElement[bool]) -> int:
    withdrawn = session.scalars(
        update(OutboxEmail)
        .where(OutboxEmail.account_id == account_id, which, OutboxEmail.state == "pending")
        .values(state="expired", settled_at=clock.now())
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
