"""The one place that asks the machine for the time.

Voting does not: the database's own clock decides there (rule V1).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

# A greater difference between this machine's clock and others' is somebody's business (rule B17).
TOLERANCE = timedelta(seconds=60)

_fixed: ContextVar[datetime | None] = ContextVar("fixed_time", default=None)


def now() -> datetime:
    """The current time, aware, in UTC."""
    return _fixed.get() or datetime.now(UTC)


@contextmanager
def fixed(at: datetime) -> Iterator[None]:
    """Let now() answer `at` inside the block; for tests and for replaying a past day."""
    if at.tzinfo is None:
        raise ValueError("a time needs its zone")
    token = _fixed.set(at)
    try:
        yield
    finally:
        _fixed.reset(token)
