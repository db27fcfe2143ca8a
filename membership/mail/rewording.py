"""Putting other words in place of our sentences, and taking ours again."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.db import after_commit, lock
from membership.mail import wording
from membership.mail.models import MailWording


@dataclass(frozen=True)
class Change:
    """What a sentence was and is; None for ours."""

    original: str
    before: str | None
    after: str | None


def saved(session: Session, kind: str, language: str) -> dict[str, MailWording]:
    """What staff have put, by the sentence in whose place it stands."""
    rows = session.scalars(
        select(MailWording)
        .where(MailWording.kind == kind, MailWording.language == language)
        .order_by(MailWording.original)
    )
    return {row.original: row for row in rows}


def version(rows: Mapping[str, MailWording]) -> str:
    """Another one as soon as anything else is saved; "" where all is ours."""
    return wording.Words({original: row.text for original, row in rows.items()}).version


def locked(session: Session, kind: str, language: str) -> dict[str, MailWording]:
    """As saved(); nobody else changes these words until this transaction ends."""
    lock(session, f"mail_wording:{kind}:{language}")
    return saved(session, kind, language)


def put(
    session: Session,
    kind: str,
    language: str,
    texts: Mapping[str, str | None],
    by_id: int,
) -> list[Change]:
    """Say `texts` in place of the sentences they stand under (None: ours); gives what changed.

    Each must have passed placeholders.problem(). The caller holds the lock of locked().
    """
    rows = saved(session, kind, language)
    before = {original: row.text for original, row in rows.items()}
    changes = [
        Change(original, before.get(original), after)
        for original, after in texts.items()
        if before.get(original) != after
    ]
    for change in changes:
        row = rows.get(change.original)
        if change.after is None and row is not None:
            session.delete(row)
        elif change.after is not None:
            row = row or MailWording(kind=kind, language=language, original=change.original)
            row.text, row.edited_by_id, row.edited_at = change.after, by_id, clock.now()
            session.add(row)
    session.flush()
    after_commit(session, wording.read_anew)
    return changes
