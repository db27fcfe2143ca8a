"""The one place that asks the machine for the time, and the newsroom's calendar.

Voting does not: the database's own clock decides there (rule V1). Figures have days of UTC; what
the newsroom announces, promises and puts on paper has days of its own zone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.settings import settings

# A greater difference between this machine's clock and others' is somebody's business (rule B17).
TOLERANCE = timedelta(seconds=60)

_fixed: ContextVar[datetime | None] = ContextVar("fixed_time", default=None)


def now() -> datetime:
    """The current time, aware, in UTC."""
    return _fixed.get() or datetime.now(UTC)


def newsroom_zone() -> ZoneInfo:
    """The zone whose clock the newsroom goes by (TIME_ZONE)."""
    return ZoneInfo(settings().time_zone)


def newsroom_now() -> datetime:
    """The current time by the newsroom's clock."""
    return now().astimezone(newsroom_zone())


def newsroom_day(at: datetime | None = None) -> date:
    """The newsroom's day at a given time, or today."""
    return (at or now()).astimezone(newsroom_zone()).date()


def newsroom_midnight(day: date) -> datetime:
    """When a day of the newsroom's begins."""
    return datetime.combine(day, time(), newsroom_zone())


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
