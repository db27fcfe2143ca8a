"""Making what was asked for: in short steps, each of which is kept whole or not at all.

A worker takes an export up for a short while and says so in its row. When it dies, another goes
on from the last step that was kept; two never write one file, because each step asks under the
row's lock whether it is still theirs to do.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from socket import gethostname
from time import monotonic
from types import MappingProxyType
from uuid import uuid4

import structlog
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from membership import background, clock
from membership.accounts import audit, belongings
from membership.accounts.models import Account
from membership.db import database_now, transaction
from membership.exports import everything_csv, everything_sqlite, patrons_csv
from membership.exports.letter import tell
from membership.exports.making import Step
from membership.exports.models import Export, ExportChunk
from membership.patrons.filters import Filters

log = structlog.get_logger(__name__)

MAKERS: Mapping[str, Callable[[Session, Export], Step]] = MappingProxyType(
    {
        "patrons": patrons_csv.step,
        "everything_csv": everything_csv.step,
        "everything_sqlite": everything_sqlite.step,
    }
)
TASK = "exports.make"
# Well within the time limit of a task.
TURN_SECONDS = 120.0
LEASE = timedelta(seconds=60)
# What lies on a machine's own disk waits so long for that machine.
PATIENCE = timedelta(minutes=10)
# So often in a row it may be taken up without a step that is kept.
MOST_ATTEMPTS = 5
KEPT = timedelta(days=7)


def ask(session: Session, actor: Account, kind: str, wanted: Filters | None = None) -> Export:
    """Let workers make a file of this kind. It is written down who has it."""
    filters = wanted.as_json() if wanted else {}
    now = clock.now()
    asked = Export(kind=kind, filters=filters, asked_by_id=actor.id, state="running", reached={},
                   created_at=now)  # fmt: skip
    session.add(asked)
    session.flush()
    audit.record(
        session,
        "export.asked",
        f"export:{asked.id}",
        actor_id=actor.id,
        kind=kind,
        filters=wanted.nameless().as_json() if wanted else {},
    )
    background.wake(session, TASK)
    return asked


def take_turns(seconds: float = TURN_SECONDS) -> None:
    """Make what is asked for, one after another; after a while, leave the rest to the next turn."""
    until = monotonic() + seconds
    while monotonic() < until:
        holder = uuid4().hex
        with transaction() as session:
            export_id = _take_up(session, holder)
        if export_id is None:
            return
        while take_step(export_id, holder):
            if monotonic() >= until:
                _put_down(export_id, holder)
                background.send(TASK)
                return


def _take_up(session: Session, holder: str) -> int | None:
    """The id of one that nobody works at, from now on in the hands of `holder`."""
    now = database_now(session)
    host = Export.reached["host"].astext
    export = session.scalar(
        select(Export)
        .where(
            Export.state == "running",
            or_(Export.leased_until.is_(None), Export.leased_until < now),
            or_(host.is_(None), host == gethostname(), Export.leased_until < now - PATIENCE),
        )
        .order_by(Export.attempts, Export.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if export is None:
        return None
    export.holder, export.leased_until = holder, now + LEASE
    export.attempts += 1
    if export.attempts > MOST_ATTEMPTS:
        log.error("export_failed", export=export.id, kind=export.kind)
        _end(session, export, "failed")
    return export.id


def take_step(export_id: int, holder: str) -> bool:
    """Whether there is another step to take for `holder`."""
    with transaction() as session:
        export = session.scalar(
            select(Export)
            .where(Export.id == export_id, Export.holder == holder, Export.state == "running")
            .with_for_update()
        )
        if export is None:
            return False
        step = MAKERS[export.kind](session, export)
        if step.is_anew:
            session.execute(delete(ExportChunk).where(ExportChunk.export_id == export.id))
            export.chunks = export.size = export.rows = 0
        _keep(session, export, step)
        export.leased_until = database_now(session) + LEASE
        export.attempts = 0
        if step.reached is not None:
            export.reached = step.reached
            return True
        _end(session, export, "ready")
        tell(session, export)
    return False


def _keep(session: Session, export: Export, step: Step) -> None:
    if content := b"".join(step.pieces):
        session.add(ExportChunk(export_id=export.id, number=export.chunks, content=content))
        export.chunks += 1
        export.size += len(content)
    export.rows += step.rows


def _end(session: Session, export: Export, state: str) -> None:
    now = clock.now()
    export.state, export.finished_at, export.reached = state, now, {}
    export.holder = export.leased_until = None
    # What was looked for is known for as long as it is needed.
    export.filters = Filters.model_validate(export.filters).nameless().as_json()
    if state == "ready":
        export.expires_at = now + KEPT
    else:
        session.execute(delete(ExportChunk).where(ExportChunk.export_id == export.id))


def _put_down(export_id: int, holder: str) -> None:
    """Let the next turn go on at once."""
    with transaction() as session:
        session.execute(
            update(Export)
            .where(Export.id == export_id, Export.holder == holder)
            .values(holder=None, leased_until=database_now(session))
        )


def forget_old(session: Session) -> int:
    """Delete the files whose time is over, and what was left of others; how many are over."""
    everything_sqlite.sweep(session.scalars(select(Export).where(Export.state == "running")).all())
    now = clock.now()
    over = session.scalars(
        select(Export).where(Export.state == "ready", Export.expires_at <= now).with_for_update()
    ).all()
    for export in over:
        export.state = "expired"
        session.execute(delete(ExportChunk).where(ExportChunk.export_id == export.id))
    return len(over)


def forget(session: Session, _address: str) -> None:
    """An account is deleted: whatever file may hold it is deleted, or made anew without it.

    Whether it does would have to be looked for in the file; all can be asked for again.
    """
    holding = session.scalars(
        select(Export).where(Export.state.in_(("ready", "running"))).with_for_update(),
        execution_options={"populate_existing": True},
    )
    for export in holding:
        session.execute(delete(ExportChunk).where(ExportChunk.export_id == export.id))
        if export.state == "ready":
            export.state, export.expires_at = "expired", clock.now()
        else:
            export.reached, export.holder, export.leased_until = {}, None, None
            export.rows = export.chunks = export.size = 0


def _stay(_session: Session, _old: str, _new: str) -> None:
    """A file is as old as it is: a new address is in the next one."""


def is_there(export: Export, now: datetime) -> bool:
    """Whether its file can be had."""
    return export.state == "ready" and export.expires_at is not None and now < export.expires_at


def content(export_id: int) -> Iterator[bytes]:
    """The file, a piece at a time, each read in a short transaction of its own."""
    number = 0
    while True:
        with transaction() as session:
            piece = session.scalar(
                select(ExportChunk.content).where(
                    ExportChunk.export_id == export_id, ExportChunk.number == number
                )
            )
        if piece is None:
            return
        yield piece
        number += 1


def newest(session: Session, kinds: tuple[str, ...], most: int) -> list[Export]:
    """The last asked for first."""
    query = select(Export).where(Export.kind.in_(kinds)).order_by(Export.id.desc()).limit(most)
    return list(session.scalars(query))


belongings.register(belongings.Belonging(move=_stay, forget=forget))
