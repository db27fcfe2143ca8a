"""One comparison at a time, in many small steps, each of which the next one can go on from.

Whoever takes steps holds a lease, which each step renews; what a killed process held is free again
when its lease ends, and a process that has lost its lease writes nothing more.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from time import monotonic

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.background import wake
from membership.billing import gateway
from membership.billing.comparison import repair
from membership.billing.comparison.models import Comparison
from membership.billing.comparison.stages import COUNTED, STAGES
from membership.billing.comparison.steps import Place, Step
from membership.billing.comparison.subscriptions import WrongAccountError
from membership.db import database_now, lock, transaction

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=23)
# What broke off longer ago begins anew.
STALE = timedelta(hours=23)
LEASE = timedelta(minutes=10)
# Within a task's time limit; the next wake-up takes up the rest.
RUN_SECONDS = 200.0
TASK = "billing.compare"


class RunningError(RuntimeError):
    """Another process is comparing."""


class LostLeaseError(RunningError):
    """Another process has taken over, because this one was silent for so long."""


@dataclass
class Claim:
    """A run that this process alone takes further, as long as it keeps the lease."""

    id: int
    started_at: datetime
    stage: str
    place: Place
    leased_until: datetime
    clock_off_seconds: int | None = None


def ask(session: Session) -> None:
    """Let a comparison begin soon, unless one is under way."""
    if _under_way(session) is None:
        session.add(Comparison())
    wake(session, TASK)


def go_on() -> None:
    """Begin the run that is due, or go on with it, for as long as a task may take.

    Nothing when none is due or another process is at it. When Stripe is away, the rest waits.
    """
    claim = _claim(is_asked_for=False)
    if claim is None:
        return
    try:
        _take_steps(claim, monotonic() + RUN_SECONDS)
    except gateway.StripeUnavailableError as error:
        log.warning("comparison_put_off", comparison=claim.id, reason=str(error))
    except LostLeaseError:
        log.error("comparison_lost_lease", comparison=claim.id)
    except WrongAccountError as error:
        log.error("comparison_of_wrong_account", comparison=claim.id, reason=str(error))


def run_now() -> int:
    """Compare everything, to the end; the run's id.

    Raises RunningError, WrongAccountError and the gateway's errors.
    """
    claim = _claim(is_asked_for=True)
    if claim is None:
        raise RunningError("A comparison is under way.")
    _take_steps(claim, inf)
    return claim.id


def _under_way(session: Session) -> Comparison | None:
    """The newest run, if it goes on; nobody else begins or claims one until the commit."""
    lock(session, "comparison")
    newest = session.scalar(
        select(Comparison)
        .order_by(Comparison.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    if newest is None or newest.finished_at is not None:
        return None
    return newest if newest.started_at > database_now(session) - STALE else None


def _claim(is_asked_for: bool) -> Claim | None:
    with transaction() as session:
        run = _under_way(session)
        now = database_now(session)
        if run is None:
            if not is_asked_for and not _is_due(session, now):
                return None
            run = Comparison(started_at=now)
            session.add(run)
        elif run.leased_until is not None and run.leased_until > now:
            return None
        run.leased_until = now + LEASE
        session.flush()
        place = Place(run.starting_after, run.reached_at)
        return Claim(run.id, run.started_at, run.stage, place, run.leased_until)


def _is_due(session: Session, now: datetime) -> bool:
    finished = select(func.max(Comparison.started_at)).where(Comparison.finished_at.is_not(None))
    began = session.scalar(finished)
    return began is None or began < now - EVERY


def _take_steps(claim: Claim, ends_at: float) -> None:
    """Step by step, to the end of the run or of the time."""
    try:
        while claim.stage and _take_step(claim, ends_at):
            pass
    except LostLeaseError:
        raise
    except Exception as error:
        _put_down(claim, f"{type(error).__name__}: {error}"[:500])
        raise
    if claim.stage:
        _put_down(claim)


def _take_step(claim: Claim, ends_at: float) -> bool:
    """Look at one page; whether there is time for another.

    A page that could not be finished is looked at again, by then with less to repair.
    """
    step = STAGES[claim.stage](claim.started_at, claim.place)
    _compare_clocks(claim, step)
    for suspect in step.suspects:
        repair.look_into(claim.id, suspect)
        _keep(claim)
        if monotonic() > ends_at:
            return False
    _advance(claim, step)
    return monotonic() <= ends_at


def _keep(claim: Claim, **values: object) -> None:
    """Renew the lease, and write how far the run has come. Raises LostLeaseError."""
    with transaction() as session:
        kept = session.scalar(
            update(Comparison)
            .where(Comparison.id == claim.id, Comparison.leased_until == claim.leased_until)
            .values(leased_until=func.clock_timestamp() + LEASE, **values)
            .returning(Comparison.leased_until)
        )
    if kept is None:
        raise LostLeaseError("Another process has taken over this comparison.")
    claim.leased_until = kept


def _advance(claim: Claim, step: Step) -> None:
    values: dict[str, object] = {"last_error": None}
    if claim.stage in COUNTED:
        values[claim.stage] = getattr(Comparison, claim.stage) + step.count
    if step.place is None:
        claim.stage = _following(claim.stage)
    claim.place = step.place or Place()
    if not claim.stage:
        values["finished_at"] = func.clock_timestamp()
    _keep(
        claim,
        stage=claim.stage,
        starting_after=claim.place.after,
        reached_at=claim.place.reached_at,
        clock_off_seconds=claim.clock_off_seconds,
        **values,
    )


def _following(stage: str) -> str:
    """The stage after this one; empty after the last."""
    stages = [*STAGES, ""]
    return stages[stages.index(stage) + 1]


def _compare_clocks(claim: Claim, step: Step) -> None:
    """By how much this machine's clock is ahead of Stripe's (rule B17), once in a while."""
    if claim.clock_off_seconds is not None or step.answered_at is None:
        return
    off = clock.now() - step.answered_at
    claim.clock_off_seconds = int(off.total_seconds())
    if abs(off) > clock.TOLERANCE:
        log.error("host_clock_off", seconds=claim.clock_off_seconds, measured_by="Stripe")


def _put_down(claim: Claim, problem: str | None = None) -> None:
    """Let the next wake-up go on: at once, or when something is wrong, later."""
    with transaction() as session:
        session.execute(
            update(Comparison)
            .where(Comparison.id == claim.id, Comparison.leased_until == claim.leased_until)
            .values(leased_until=None, last_error=problem)
        )
        if problem is None:
            wake(session, TASK)
