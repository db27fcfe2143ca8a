"""Reading rows as they are now, whatever the test's session has seen before."""

import time
from typing import Any

from sqlalchemy import Engine, select, text, update
from sqlalchemy.orm import Session

from membership.billing.models import StripeEvent
from membership.mail.models import OutboxEmail


def rows(session: Session, model: Any, **values: Any) -> list[Any]:
    """All rows of a table with these values, oldest first."""
    query = select(model).filter_by(**values).execution_options(populate_existing=True)
    found = session.scalars(query).all()
    # Rows of one transaction have one `created_at`; ids that are numbers sort as numbers.
    return sorted(found, key=lambda row: (str(getattr(row, "created_at", "")), row.id))


def row(session: Session, model: Any, **values: Any) -> Any:
    """The one row with these values."""
    found = rows(session, model, **values)
    assert len(found) == 1, found
    return found[0]


def mails(session: Session) -> list[tuple[str, str]]:
    """(kind, recipient) of every mail in the outbox."""
    return sorted((mail.kind, mail.recipient) for mail in rows(session, OutboxEmail))


def make_due(session: Session) -> None:
    """Let the waiting time of every pending event be over."""
    session.execute(
        update(StripeEvent).where(StripeEvent.state == "pending").values(next_attempt_at="epoch")
    )
    session.flush()


def wait_for_waiters(engine: Engine, count: int) -> None:
    """Until so many transactions wait for a lock that another one holds."""
    waiting = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
    deadline = time.monotonic() + 60
    with engine.connect() as connection:
        while connection.scalar(waiting) < count:
            assert time.monotonic() < deadline, "nobody asked for the lock"
            time.sleep(0.01)
