"""Writing mail that is due, in the transaction of the fact that causes it (rule M1)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.background import wake
from membership.mail import kinds
from membership.mail.models import OutboxEmail


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
    session.execute(
        insert(OutboxEmail)
        .values(
            kind=kind,
            recipient=recipient,
            subject=subject,
            language=language,
            context=context or {},
            account_id=account_id,
            not_after_at=not_after,
            next_attempt_at=now,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["kind", "recipient", "subject"])
    )
    wake(session, "mail.deliver")


def forget(session: Session, names: Iterable[str], before: datetime) -> None:
    """Delete the mails of the kinds called `names` that were written before then."""
    session.execute(
        delete(OutboxEmail).where(
            OutboxEmail.kind.in_(list(names)), OutboxEmail.created_at < before
        )
    )
