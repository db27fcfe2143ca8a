"""Putting mails into the outbox, and looking at what became of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from membership.db import transaction
from membership.mail import outbox
from membership.mail.models import MailProvider, OutboxEmail

LONG_AGO = datetime.fromisoformat("2020-01-01T00:00:00+00:00")


def put(number: int = 1, kind: str = "letter", **values: Any) -> None:
    """A mail to readerN@example.org, in a transaction of its own."""
    defaults = {
        "kind": kind,
        "recipient": f"reader{number}@example.org",
        "subject": f"test:{number}",
        "language": "en",
        "context": {"topic": f"Topic {number}"},
    }
    with transaction() as session:
        outbox.put(session, **(defaults | values))


def rows() -> list[OutboxEmail]:
    """The whole outbox, oldest first."""
    with transaction() as session:
        return list(session.scalars(select(OutboxEmail).order_by(OutboxEmail.id)))


def states() -> list[str]:
    return [row.state for row in rows()]


def let_time_pass() -> None:
    """Every lease and every wait is over, and so is the mail server's pause."""
    with transaction() as session:
        session.execute(update(OutboxEmail).values(next_attempt_at=LONG_AGO))
    let_server_return()


def let_server_return() -> None:
    """The mail server's pause is over."""
    with transaction() as session:
        session.execute(update(MailProvider).values(paused_until_at=LONG_AGO))
