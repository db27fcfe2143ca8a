"""At most so many processes send at once, so that a campaign leaves workers for all else."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.orm import Session

from membership.db import statements

SENDERS = 2
# Tells these locks of PostgreSQL from any others; it means nothing.
FAMILY = 1_801_545_057

_TAKE = text("SELECT pg_try_advisory_lock(:family, :number)")
_RELEASE = text("SELECT pg_advisory_unlock(:family, :number)")


@contextmanager
def taken() -> Iterator[Session | None]:
    """A session, each statement for itself, that holds one of the slots; None: all are taken.

    PostgreSQL takes a slot back when its connection ends, however its process died.
    """
    with statements() as session:
        number = next((each for each in range(SENDERS) if _say(session, _TAKE, each)), None)
        if number is None:
            yield None
            return
        try:
            yield session
        finally:
            _say(session, _RELEASE, number)


def _say(session: Session, what: object, number: int) -> bool:
    return bool(session.scalar(what, {"family": FAMILY, "number": number}))  # type: ignore[call-overload]
