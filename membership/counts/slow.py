"""Asking for a count, and making those that are due.

A newsroom with few accounts is counted while one waits. With a million that takes seconds: then a
page shows the last count with its time, and asks for a new one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Table, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.background import wake
from membership.counts.models import SlowCount
from membership.db import Base, lock, transaction

log = structlog.get_logger(__name__)

# So many accounts can be counted while one waits.
FEW = 20_000
# An older count is made anew once somebody looks.
FRESH = timedelta(minutes=5)
# What nobody has asked for in this time is forgotten.
KEPT = timedelta(days=1)

Question = dict[str, Any]
_counts: dict[str, Callable[[Session, Question], Sequence[Any]]] = {}


@dataclass(frozen=True)
class Counted:
    """The numbers of a count, and when they were true; None where they were counted just now."""

    numbers: tuple[Any, ...]
    at: datetime | None = None


def register(name: str, count: Callable[[Session, Question], Sequence[Any]]) -> None:
    """Let `count` answer the questions of that name; question and numbers are kept as JSON."""
    _counts[name] = count


def latest(session: Session, name: str, question: Question) -> Counted | None:
    """The newest count there is, or None until the first is made; wakes whoever counts."""
    if _are_few(session):
        return Counted(tuple(_counts[name](session, question)))
    asked = SlowCount.name == name, SlowCount.question == question
    known = session.execute(
        select(SlowCount.numbers, SlowCount.counted_at, SlowCount.due_at).where(*asked)
    ).one_or_none()
    now = clock.now()
    if known is None or (known.due_at is None and known.counted_at < now - FRESH):
        _ask(session, name, question, now)
    if known is None or known.numbers is None:
        return None
    return Counted(tuple(known.numbers), known.counted_at)


def make_due() -> None:
    """Make every count that is due, each in a transaction of its own. One that fails is logged."""
    with transaction() as session:
        forgotten = SlowCount.counted_at < clock.now() - KEPT
        session.execute(delete(SlowCount).where(SlowCount.due_at.is_(None), forgotten))
        waiting = select(SlowCount.id).where(SlowCount.due_at.is_not(None))
        due = session.scalars(waiting.order_by(SlowCount.due_at, SlowCount.id)).all()
    for number in due:
        try:
            with transaction() as session:
                _make(session, number)
        except Exception:
            log.exception("count_failed", count=number)


def _make(session: Session, number: int) -> None:
    # Not the row: whoever looks at the page would wait for it.
    lock(session, f"slow count {number}")
    one = SlowCount.id == number
    due = session.execute(
        select(SlowCount.name, SlowCount.question).where(one, SlowCount.due_at.is_not(None))
    ).one_or_none()
    if due is None:
        return
    at = clock.now()
    numbers = list(_counts[due.name](session, due.question))
    made = {"numbers": numbers, "counted_at": at, "due_at": None}
    session.execute(update(SlowCount).where(one).values(made))


def _ask(session: Session, name: str, question: Question, now: datetime) -> None:
    """May be repeated: what is due already stays so."""
    table: Table = SlowCount.__table__  # type: ignore[assignment]
    row = {"name": name, "question": question, "due_at": now}
    asked = (
        insert(table)
        .values(row)
        .on_conflict_do_update(
            index_elements=["name", "question"],
            set_={"due_at": now},
            where=table.c.due_at.is_(None),
        )
    )
    session.execute(asked)
    wake(session, "counts.make")


def _are_few(session: Session) -> bool:
    accounts = Base.metadata.tables["account"]
    some = select(literal(1)).select_from(accounts).limit(FEW + 1).subquery()
    return session.scalars(select(func.count()).select_from(some)).one() <= FEW
