"""One letter for each week, one digest for each month: whoever writes its row first writes it."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.newsletter.models import Issue


def begin(session: Session, kind: str, period: str) -> bool:
    """Whether the issue is this transaction's to write; another one that began it is waited for."""
    written = session.scalar(
        insert(Issue)
        .values(kind=kind, period=period, written_at=clock.now())
        .on_conflict_do_nothing(index_elements=["kind", "period"])
        .returning(Issue.id)
    )
    return written is not None
