"""Rounds: opened and closed by the database's clock, voted in by patrons.

The clock is always clock_timestamp(): a transaction's now() stands still while it waits for a
lock, and would let a vote in that was cast before the end but counted after it.
"""

from collections.abc import Iterable
from typing import Any, Literal

import structlog
from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.accounts.models import Account
from membership.counts import slow
from membership.db import LARGEST_ID, database_now, transaction
from membership.voting import (
    audience,
    casting,
    lifecycle,
    paper,
    series,
    settling,
    telling,
    topics,
)
from membership.voting.eligibility import NotEligibleError as NotEligibleError
from membership.voting.eligibility import may_take_part
from membership.voting.models import Ballot, Round, RoundOption, Topic

TURNOUT = "turnout"
log = structlog.get_logger(__name__)

Phase = Literal["upcoming", "open", "counting", "settled", "void"]


class RoundNotFoundError(LookupError):
    """There is no such round."""


class RoundNotOpenError(Exception):
    """The database's clock says: not yet, or no longer."""


class InvalidChoicesError(ValueError):
    """No choice, too many, a topic that does not stand here, or one that is ranked twice."""


def get(session: Session, round_id: int) -> Round:
    """Raises RoundNotFoundError."""
    found = session.get(Round, round_id) if 0 < round_id <= LARGEST_ID else None
    if found is None:
        raise RoundNotFoundError
    return found


def cast(
    session: Session, round_id: int, account_id: int, choices: Iterable[int]
) -> Literal["cast", "changed"]:
    """Cast a ballot, or change it, in one statement (rule V1); `choices` in order of preference.

    The round's row is share-locked first, which closing has to wait for; then the clock is read,
    eligibility and choices are looked at, and one row per round and patron is written.

    When beat has slept past the opening, whoever votes first opens the round (lesson L21).

    Raises RoundNotFoundError, RoundNotOpenError, NotEligibleError or InvalidChoicesError; no
    ballot is changed then.
    """
    choices = list(choices)
    outcome = casting.cast(session, round_id, account_id, choices)
    if outcome is None and phase(session, get(session, round_id)) == "open":
        _advance_one(round_id)
        outcome = casting.cast(session, round_id, account_id, choices)
    if outcome is None or not outcome.is_open:
        raise RoundNotOpenError
    if not outcome.is_eligible:
        raise NotEligibleError
    if not outcome.is_valid:
        raise InvalidChoicesError
    return "cast" if outcome.is_new else "changed"


def withdraw(session: Session, round_id: int, account_id: int) -> bool:
    """Take a ballot back while the round is open; False when there was none.

    Raises RoundNotFoundError or RoundNotOpenError.
    """
    outcome = casting.withdraw(session, round_id, account_id)
    if outcome is None:
        get(session, round_id)
    if outcome is None or not outcome.is_open:
        raise RoundNotOpenError
    return outcome.id is not None


def own_choices(session: Session, round_id: int, account_id: int) -> list[int]:
    """The topic ids that a patron has chosen so far; nobody else is ever shown them."""
    found = session.scalar(
        select(Ballot.choices).where(Ballot.round_id == round_id, Ballot.account_id == account_id)
    )
    return found or []


def phase(session: Session, round_: Round) -> Phase:
    """Where a round stands by the database's clock, however late beat may be (lesson L21)."""
    now = database_now(session)
    match round_.state:
        case "settled":
            return "settled"
        case "void":
            return "void"
        case "draft" if now < round_.opens_at:
            return "upcoming"
        case "draft" | "open" if now < round_.closes_at:
            return "open"
    return "counting"


def in_states(session: Session, *states: str, most: int = 20) -> list[Round]:
    """Rounds in these states, the one that ends last first."""
    asked = select(Round).where(Round.state.in_(states))
    return list(session.scalars(asked.order_by(Round.closes_at.desc(), Round.id).limit(most)))


def of_topic(session: Session, topic: Topic) -> list[Round]:
    """The rounds in which a topic stands or stood, the last first."""
    stood = select(RoundOption.round_id).where(RoundOption.topic_id == topic.id)
    asked = select(Round).where(Round.id.in_(stood))
    return list(session.scalars(asked.order_by(Round.closes_at.desc(), Round.id.desc())))


def live_turnout(session: Session, round_: Round) -> tuple[int, int]:
    """How many ballots an open round has so far, and how many accounts may vote; for editors alone.

    It says nothing of what was voted (rule V4). Who voted and then left still counts as both. With
    a million patrons this takes seconds.
    """
    voted = audience.has_ballot(round_.id)
    row = session.execute(
        select(func.count().filter(voted), func.count())
        .select_from(Account)
        .where(or_(voted, may_take_part(Account.id, opened_at=round_.opens_at)))
    ).one()
    return row[0], row[1]


def latest_turnout(session: Session, round_: Round) -> slow.Counted | None:
    """The same as it was counted last; None until it was."""
    return slow.latest(session, TURNOUT, {"round": round_.id})


def _turnout(session: Session, question: dict[str, Any]) -> tuple[int, int]:
    return live_turnout(session, get(session, question["round"]))


slow.register(TURNOUT, _turnout)


def advance_all() -> int:
    """Open, close and settle what is due, tell of it, build what recurs; the number of steps taken.

    Each step of each round has a transaction of its own, so that what fails is logged and stops
    nothing else. A round whose whole time has passed meanwhile goes all its way at once.
    """
    with transaction() as session:
        waiting = due(session)
    steps = 0
    for round_id in waiting:
        while _advance_one(round_id):
            steps += 1
    telling.tell_due()
    series.build_due()
    return steps


def due(session: Session) -> list[int]:
    """The ids of rounds whose next step is due by the database's clock."""
    clock = func.clock_timestamp()
    is_due = or_(
        and_(Round.state == "draft", Round.opens_at <= clock),
        and_(Round.state == "open", Round.closes_at <= clock),
        Round.state == "closed",
    )
    return list(session.scalars(select(Round.id).where(is_due).order_by(Round.id)))


def advance(session: Session, round_id: int) -> str | None:
    """Take the one step that is due, if any, and return the new state.

    Conditional updates: of any number of workers that try at once, one does it (rule V11).
    """
    clock = func.clock_timestamp()
    if round_ := _move(session, round_id, "draft", "open", Round.opens_at <= clock):
        for topic in paper.lock_options(session, round_id):
            topics.change_state(session, topic, "on_ballot", None)
        audit.record(session, "round.open", f"round:{round_id}", tie_seed=round_.tie_seed)
        return "open"
    if _move(session, round_id, "open", "closed", Round.closes_at <= clock):
        audit.record(session, "round.closed", f"round:{round_id}")
        return "closed"
    closed = session.scalar(
        select(Round)
        .where(Round.id == round_id, Round.state == "closed")
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return settling.settle(session, closed) if closed else None


def _advance_one(round_id: int) -> bool:
    try:
        with transaction() as session:
            return advance(session, round_id) is not None
    # Whatever is wrong with one round must not stop the others.
    except Exception:
        log.exception("round_stuck", round=round_id)
        return False


def _move(
    session: Session, round_id: int, came_from: str, to: str, is_due: ColumnElement[bool]
) -> Round | None:
    lifecycle.check_round(came_from, to)
    return session.scalar(
        update(Round)
        .where(Round.id == round_id, Round.state == came_from, is_due)
        .values(state=to)
        .returning(Round)
    )
