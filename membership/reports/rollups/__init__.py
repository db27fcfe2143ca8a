"""Daily rollups: rebuilt from the rows of the features, never counted up in place.

A day is that of UTC. Rebuilding one gives the same rows, however often and whenever it is done.
"""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership.db import lock, transaction
from membership.patrons import roll
from membership.reports.models import RollupState
from membership.reports.rollups import (
    cohorts,
    daily_figures,
    givers,
    joined,
    kept,
    left,
    margin,
    recovery,
    rounds,
    running,
)
from membership.reports.rollups.rollup import Rollup

ROLLUPS: tuple[Rollup, ...] = (
    daily_figures.ROLLUP,
    running.ROLLUP,
    cohorts.ROLLUP,
    *kept.ROLLUPS,
    *left.ROLLUPS,
    *margin.ROLLUPS,
    *recovery.ROLLUPS,
    *joined.ROLLUPS,
)

# A transaction that was open while we last looked may have committed since.
OVERLAP = timedelta(days=2)
# The list of patrons is refreshed by patron, not by day; with it goes what merges change.
PATRONS = "patrons"
PATRONS_OVERLAP = timedelta(hours=1)
BEGINNING = date(1970, 1, 1)


def build_missing() -> None:
    """Build what was never built, after an upgrade: each rollup in a transaction of its own.

    With a million patrons all of them take minutes, and what is cut off there goes on from here.
    """
    for name in [PATRONS, *(each.name for each in ROLLUPS)]:
        with transaction() as session:
            if session.get(RollupState, name) is None:
                lock(session, "rollups")
                _build_first(session, name)


def _build_first(session: Session, name: str) -> None:
    if session.get(RollupState, name, populate_existing=True) is not None:
        return
    if name == PATRONS:
        now = session.scalars(select(func.clock_timestamp())).one()
        roll.rebuild(session)
        _note(session, PATRONS, now)
    else:
        _rebuild(session, next(each for each in ROLLUPS if each.name == name), BEGINNING)


def refresh(session: Session) -> None:
    """Rebuild the days that may have changed since the last time. May run twice at once."""
    lock(session, "rollups")
    known = {each.name: each.rebuilt_at for each in session.scalars(select(RollupState))}
    for rollup in ROLLUPS:
        newest = known.get(rollup.name)
        day = BEGINNING if newest is None else _earliest(session, rollup, newest - OVERLAP)
        _rebuild(session, rollup, day)
    now = session.scalars(select(func.clock_timestamp())).one()
    if PATRONS in known:
        roll.refresh(session, known[PATRONS] - PATRONS_OVERLAP)
        givers.recount(session, known[PATRONS] - PATRONS_OVERLAP)
    else:
        roll.rebuild(session)
    _note(session, PATRONS, now)


def rebuild(session: Session) -> int:
    """Rebuild every day and count anew what is frozen; the number of rows written."""
    lock(session, "rollups")
    now = session.scalars(select(func.clock_timestamp())).one()
    roll.rebuild(session)
    _note(session, PATRONS, now)
    written = sum(_rebuild(session, rollup, BEGINNING) for rollup in ROLLUPS)
    return written + givers.rebuild(session) + rounds.rebuild(session)


def freeze(session: Session) -> None:
    """Count, once, what is over: a settled round, and the months of which nothing is to come."""
    givers.freeze(session)
    rounds.freeze_next(session)


def rebuilt_at(session: Session) -> datetime | None:
    """The moment up to which every figure is told; None before the first rollup."""
    return session.scalar(select(func.min(RollupState.rebuilt_at)))


def _earliest(session: Session, rollup: Rollup, since: datetime) -> date:
    """The earliest day of the facts that were written after `since`, at least that of `since`."""
    days = filter(None, (session.scalar(query) for query in rollup.written(since)))
    return min([since.astimezone(UTC).date(), *days])


def _rebuild(session: Session, rollup: Rollup, day: date) -> int:
    """Rows written; what is committed after this statement of the clock is looked at next time."""
    now = session.scalars(select(func.clock_timestamp())).one()
    rollup.empty(session, day)
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    written = session.execute(rollup.fill, {"since": since})
    _note(session, rollup.name, now)
    return written.rowcount  # type: ignore[attr-defined,no-any-return]


def _note(session: Session, name: str, at: datetime) -> None:
    """Written down: this rollup is complete until `at`."""
    state = insert(RollupState).values(name=name, rebuilt_at=at)
    session.execute(
        state.on_conflict_do_update(
            index_elements=[RollupState.name], set_={"rebuilt_at": state.excluded.rebuilt_at}
        )
    )
