"""Whether beat and the workers live (rule M10): a canary that goes the way all work goes.

Every minute beat wakes a worker, which writes "beat" to PostgreSQL; its commit wakes a worker
through Redis, which writes "worker". Both times are the database's, and so are their ages.
"""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership.background import wake
from membership.reports.models import Heartbeat

NAMES = ("beat", "worker")
# Woken each minute; a busy worker may take another to come to it.
LATE = timedelta(minutes=3)


def beat(session: Session) -> None:
    """Write down that beat has woken a worker, and ask for an answer through Redis."""
    _write(session, "beat")
    wake(session, "reports.answer_heart")


def answer(session: Session) -> None:
    """Write down that a worker was reached through Redis."""
    _write(session, "worker")


def ages(session: Session) -> dict[str, float | None]:
    """How many seconds ago beat and a worker were last alive; None when they never were."""
    age = func.extract("epoch", func.clock_timestamp() - Heartbeat.at)
    found = {name: float(seconds) for name, seconds in session.execute(select(Heartbeat.name, age))}
    return {name: found.get(name) for name in NAMES}


def _write(session: Session, name: str) -> None:
    now = func.clock_timestamp()
    session.execute(
        insert(Heartbeat)
        .values(name=name, at=now)
        .on_conflict_do_update(index_elements=["name"], set_={"at": now})
    )
