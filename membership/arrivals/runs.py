"""An import from its asking to its end: looked at, shown, confirmed, done.

A file is taken in one transaction. Subscriptions at Stripe are taken over one by one; what broke
off goes on with the next one, and whoever is taken over twice is taken over once.
"""

import hashlib
import io
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

import structlog
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session, undefer

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.arrivals import adopted, files, letters
from membership.arrivals.models import Arrival, ArrivalProblem
from membership.arrivals.summary import Problem, Summary
from membership.arrivals.table import UnreadableFileError
from membership.background import wake
from membership.billing import gateway, subscriptions
from membership.db import transaction

log = structlog.get_logger(__name__)
TASK = "arrivals.go_on"
LEASE = timedelta(minutes=10)
# Within a task's time limit; the next wake-up takes up the rest.
RUN_SECONDS = 200.0
# So often in a row it may be taken up and get no further, as when its process is killed.
MOST_ATTEMPTS = 5
# What nobody confirmed by then is forgotten, the file with it.
KEPT = timedelta(days=7)
# Files of other platforms; a larger one comes by the command.
LARGEST = 5 * 1024 * 1024


class OtherwiseNowError(RuntimeError):
    """What is confirmed is not what was shown."""


def ask(session: Session, source: str, content: bytes | None, actor_id: int) -> Arrival:
    """Have an import looked at soon; nothing of it is taken before somebody confirms it."""
    asked = Arrival(source=source, content=content, asked_by_id=actor_id)
    session.add(asked)
    session.flush()
    wake(session, TASK)
    return asked


def ask_again(session: Session, arrival: Arrival, only: Sequence[str]) -> None:
    """Look once more at what runs at Stripe, for these prices or products only; none: for all."""
    arrival.state, arrival.digest = "asked", None
    arrival.wanted = {"only": sorted(only)} if only else None
    wake(session, TASK)


def confirm(session: Session, arrival: Arrival, digest: str, *, with_welcome: bool) -> None:
    """Have what was shown be done; said again, it is done once. Raises OtherwiseNowError."""
    if arrival.digest is None or arrival.digest != digest:
        raise OtherwiseNowError("this was not shown")
    if arrival.state != "shown":
        return
    arrival.state, arrival.with_welcome = "confirmed", with_welcome
    wake(session, TASK)


def go_on() -> None:
    """Look at what was asked for, and do what was confirmed, for as long as a task may take."""
    ends_at = monotonic() + RUN_SECONDS
    while monotonic() < ends_at and (claimed := _claim()) is not None:
        try:
            take(claimed, ends_at)
        except gateway.StripeUnavailableError as error:
            # Its lease runs out, and then it is tried again, however long Stripe is away.
            log.warning("arrival_waits_for_stripe", arrival=claimed, reason=str(error))
            _note_alive(claimed)
        # Whatever is wrong with one must not stop the others (lesson L7).
        except Exception as error:
            log.error("arrival_failed", arrival=claimed, exc_info=error)
            _fail(claimed, "Something went wrong here; the log says what.")


def take(arrival_id: int, ends_at: float = float("inf")) -> None:
    """The next part of one import: its look, or its work. Raises StripeUnavailableError."""
    with transaction() as session:
        arrival = _with_content(session, arrival_id)
    if arrival.attempts > MOST_ATTEMPTS:
        log.error("arrival_given_up", arrival=arrival_id)
        _fail(arrival_id, f"cut_off {_command(arrival.source)}")
        return
    try:
        if arrival.source != "stripe":
            _take_file(arrival)
        elif arrival.state == "asked":
            _show_stripe(arrival)
        else:
            _take_over(arrival, ends_at)
    except UnreadableFileError as error:
        _fail(arrival_id, str(error))
    except gateway.StripeRefusedError as error:
        _fail(arrival_id, f"refused_by_stripe {error}")


def forget_old() -> None:
    """Delete what nobody confirmed, with its file."""
    with transaction() as session:
        session.execute(
            delete(Arrival).where(
                Arrival.state.in_(("asked", "shown")), Arrival.asked_at < clock.now() - KEPT
            )
        )


def problems(session: Session, arrival_id: int) -> list[Problem]:
    """Of an import, in the order in which they were found."""
    rows = session.scalars(
        select(ArrivalProblem)
        .where(ArrivalProblem.arrival_id == arrival_id)
        .order_by(ArrivalProblem.id)
    )
    return [Problem(each.place, each.reason, each.detail) for each in rows]


def keep_done(
    session: Session, source: str, summary: Summary, *, with_welcome: bool, file: str | None = None
) -> Arrival:
    """Write down an import that a command has done; `file` is the digest of its file."""
    row = Arrival(source=source, state="done", seen=summary.kept(), with_welcome=with_welcome)
    session.add(row)
    session.flush()
    _finish(session, row, summary, file)
    return row


def _claim() -> int | None:
    """The oldest that is due and that no other process is at."""
    now = clock.now()
    due = (
        select(Arrival.id)
        .where(
            Arrival.state.in_(("asked", "confirmed")),
            or_(Arrival.leased_until_at.is_(None), Arrival.leased_until_at < now),
        )
        # What was cut off lets the others go first.
        .order_by(Arrival.attempts, Arrival.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    with transaction() as session:
        return session.scalar(
            update(Arrival)
            .where(Arrival.id == due)
            .values(leased_until_at=now + LEASE, attempts=Arrival.attempts + 1)
            .returning(Arrival.id)
        )


def _take_file(arrival: Arrival) -> None:
    languages = settings().languages
    with transaction() as session:
        row = session.get_one(Arrival, arrival.id, with_for_update=True)
        if row.state != arrival.state:
            # Another process had it meanwhile, and is done.
            return
        file = io.BytesIO(arrival.content or b"")
        if arrival.state == "asked":
            _show(session, row, files.rehearse(session, row.source, file, languages))
            return
        summary = files.bring_in(
            session, row.source, file, languages, with_welcome=row.with_welcome
        )
        _finish(session, row, summary, digest(arrival.content))


def digest(content: bytes | None) -> str | None:
    """By which it can be told later whether somebody's file is the one that was brought in."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def _show_stripe(arrival: Arrival) -> None:
    wanted = set(arrival.wanted["only"]) if arrival.wanted else None
    summary = adopted.look(settings().currencies, wanted)
    with transaction() as session:
        _show(session, session.get_one(Arrival, arrival.id, with_for_update=True), summary)


def _show(session: Session, row: Arrival, summary: Summary) -> None:
    if row.state != "asked":
        return
    row.state, row.seen, row.digest = "shown", summary.kept(), summary.digest
    row.leased_until_at, row.attempts = None, 0
    _write_problems(session, row, summary.problems)


def _take_over(arrival: Arrival, ends_at: float) -> None:
    """What was shown, one after the other; how far it is stands in `done`."""
    assert arrival.seen is not None, "it was shown before it was confirmed"
    done: dict[str, Any] = dict(arrival.done or {"place": 0, "new": 0, "problems": []})
    for stripe_id in arrival.seen["ids"][done["place"] :]:
        if monotonic() > ends_at:
            _put_down(arrival.id)
            break
        refused = take_over(stripe_id, with_welcome=arrival.with_welcome)
        done["place"] += 1
        if refused is None:
            done["new"] += 1
        else:
            done["problems"] = [*done["problems"], [stripe_id, *refused]]
        _note_place(arrival.id, done)
    else:
        _finish_stripe(arrival, done)


def take_over(stripe_id: str, *, with_welcome: bool) -> tuple[str, str] | None:
    """Take over one subscription; why not, if so. Raises StripeUnavailableError."""
    refused = adopted.adopt(stripe_id, settings().languages, settings().currencies)
    if refused is None and with_welcome:
        with transaction() as session:
            row = subscriptions.find(session, stripe_id)
            assert row is not None, "it was taken over"
            letters.welcome(session, session.get_one(Account, row.account_id), "stripe")
    return refused


def _note_place(arrival_id: int, done: dict[str, Any]) -> None:
    with transaction() as session:
        row = session.get_one(Arrival, arrival_id, with_for_update=True)
        row.done = dict(done)
        row.leased_until_at, row.attempts = clock.now() + LEASE, 0


def _put_down(arrival_id: int) -> None:
    """Let the next turn go on at once."""
    with transaction() as session:
        session.execute(
            update(Arrival).where(Arrival.id == arrival_id).values(leased_until_at=None, attempts=0)
        )
        wake(session, TASK)


def _note_alive(arrival_id: int) -> None:
    """It stands still, and nobody was cut off."""
    with transaction() as session:
        session.execute(update(Arrival).where(Arrival.id == arrival_id).values(attempts=0))


def _finish_stripe(arrival: Arrival, done: dict[str, Any]) -> None:
    with transaction() as session:
        row = session.get_one(Arrival, arrival.id, with_for_update=True)
        before = problems(session, row.id)
        summary = Summary(problems=before)
        summary.counts.update((arrival.seen or {})["counts"])
        summary.counts["new"] = done["new"]
        for place, reason, detail in done["problems"]:
            summary.refuse(place, reason, detail)
        _finish(session, row, summary)


def _finish(session: Session, row: Arrival, summary: Summary, file: str | None = None) -> None:
    row.state, row.done, row.content = "done", summary.kept(), None
    row.finished_at, row.leased_until_at = clock.now(), None
    _write_problems(session, row, summary.problems)
    audit.record(
        session,
        "patrons.brought_in",
        f"arrival:{row.id}",
        actor_id=row.asked_by_id,
        source=row.source,
        counts=summary.kept()["counts"],
        file=file,
    )


def _fail(arrival_id: int, why: str) -> None:
    with transaction() as session:
        row = session.get(Arrival, arrival_id, with_for_update=True)
        if row is None:
            # Dropped meanwhile.
            return
        row.state, row.last_error, row.content = "failed", why, None
        row.finished_at, row.leased_until_at = clock.now(), None


def _command(source: str) -> str:
    file = "" if source == "stripe" else " FILE"
    return f"flask patrons import {source}{file}"


def _write_problems(session: Session, row: Arrival, found: Sequence[Problem]) -> None:
    session.execute(delete(ArrivalProblem).where(ArrivalProblem.arrival_id == row.id))
    session.add_all(
        ArrivalProblem(arrival_id=row.id, place=each.place, reason=each.reason, detail=each.detail)
        for each in found
    )
    session.flush()


def _with_content(session: Session, arrival_id: int) -> Arrival:
    return session.get_one(Arrival, arrival_id, options=[undefer(Arrival.content)])
