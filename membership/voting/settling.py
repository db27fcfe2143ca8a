"""Settling a closed round: void what must be, count, keep the result, cut the links to voters."""

from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, func, insert, not_, or_, select, text, update
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.accounts.models import Account
from membership.billing.standing import is_being_taken_back, lost_money
from membership.voting import lifecycle, paper, tally, topics
from membership.voting.eligibility import may_take_part
from membership.voting.models import Ballot, Round, Tally, Turnout

# With fewer ballots than this, counts could tell who chose what: only winners are published (V8).
FEWEST_TO_SHOW = 5
# We may hear so much later what happened there: before the vote, or before the close.
STRIPE_IS_LATE = timedelta(hours=1)
# Whoever reads the ids of ballots must not learn in which order they were cast.
_CUT_LINKS = text("""
    WITH gone AS (DELETE FROM ballot WHERE round_id = :round_id RETURNING choices, voided_at)
    INSERT INTO ballot (round_id, choices, voided_at)
    SELECT :round_id, CASE WHEN voided_at IS NULL THEN choices ELSE '{}' END, voided_at
    FROM gone
    ORDER BY voided_at NULLS FIRST, choices
""")


def settle(session: Session, closed: Round) -> str | None:
    """Freeze the result of a closed round whose row is locked: returns "settled" or "void".

    None, and nothing is done, while money that was taken back before the close is not yet
    followed; what Stripe keeps waiting longer than STRIPE_IS_LATE is not waited for.

    From here on nothing can change the result: neither a refund nor a deleted account (rules
    V3, V9). A result that is advice alone chooses no topic (rule V7). All of it is the caller's
    one transaction: whoever dies on the way leaves a closed round that gives the same digest.
    """
    if _waits_for_stripe(session, closed):
        return None
    options = paper.lock_options(session, closed.id)
    _void_ballots(session, closed)
    contest = contest_of(session, closed)
    result = tally.count(contest)
    ballots = sum(contest.ballots.values())
    state = "void" if result.outcome == tally.VOID else "settled"
    lifecycle.check_round(closed.state, state)
    session.add(
        Tally(
            round_id=closed.id,
            method=contest.method,
            version=contest.version,
            ballots=ballots,
            electorate=_electorate(session, closed),
            digest=result.digest,
            result=result.as_json() | {"trace": list(result.trace)},
        )
    )
    _write_turnout_roll(session, closed)
    session.execute(_CUT_LINKS, {"round_id": closed.id})
    chosen = result.winners if result.outcome == tally.DECIDED else ()
    for topic in options:
        state_of_topic = "selected" if topic.id in chosen else "not_selected"
        topics.change_state(session, topic, state_of_topic, None)
    closed.state, closed.settled_at = state, session.scalar(select(func.clock_timestamp()))
    # Of few ballots the digest would tell whoever tries all that could have been cast (rule V8).
    digest: dict[str, Any] = {"digest": result.digest} if ballots >= FEWEST_TO_SHOW else {}
    audit.record(
        session,
        f"round.{state}",
        f"round:{closed.id}",
        outcome=result.outcome,
        winners=list(result.winners),
        **digest,
    )
    return state


def contest_of(session: Session, round_: Round, version: int = tally.VERSION) -> tally.Contest:
    """What the result of a round depends on: its rules and its valid ballots, without names.

    PostgreSQL groups the ballots: a million of them are some hundred rows here.
    """
    grouped = session.execute(
        select(Ballot.choices, func.count())
        .where(Ballot.round_id == round_.id, Ballot.voided_at.is_(None))
        .group_by(Ballot.choices)
    )
    return tally.Contest(
        round_id=round_.id,
        method=round_.method,
        version=version,
        options={topic.id: topic.title for topic in paper.options(session, round_.id)},
        max_choices=round_.max_choices,
        seats=round_.seats,
        quorum=round_.quorum,
        quorum_rule=round_.quorum_rule,
        tie_rule=round_.tie_rule,
        tie_seed=round_.tie_seed,
        ballots={tuple(choices): number for choices, number in grouped},
    )


def _electorate(session: Session, closed: Round) -> int:
    """How many might have voted: those who did, and those who might have at the close.

    Who voted and then left the newsroom is one of them.
    """
    valid = (Ballot.round_id == closed.id, Ballot.voided_at.is_(None))
    voted = exists().where(*valid, Ballot.account_id == Account.id)
    might = (
        select(func.count())
        .select_from(Account)
        .where(may_take_part(Account.id, closed.closes_at, closed.opens_at), ~voted)
    )
    did = select(func.count()).where(*valid)
    found: int = session.scalars(select(did.scalar_subquery() + might.scalar_subquery())).one()
    return found


def _waits_for_stripe(session: Session, closed: Round) -> bool:
    is_early = func.clock_timestamp() < closed.closes_at + STRIPE_IS_LATE
    waits = select(and_(is_early, is_being_taken_back(closed.closes_at)))
    return bool(session.scalar(waits))


def _void_ballots(session: Session, closed: Round) -> None:
    """Void the ballots of those whose money was taken back before the close (rule V3).

    Only if nothing is left that entitles them; everything is seen as it was at the close, and
    what was taken back long before the vote is no matter. Whoever had the account deleted before
    the close may have come back as another and voted again. The audit entry names the voter, never
    the ballot.
    """
    account, end = Ballot.account_id, closed.closes_at
    lost = lost_money(account, since=Ballot.cast_at - STRIPE_IS_LATE, before=end)
    is_gone = exists().where(Account.id == account, Account.deleted_at < end)
    voided = session.scalars(
        update(Ballot)
        .where(
            Ballot.round_id == closed.id,
            or_(and_(lost, not_(may_take_part(account, end, closed.opens_at))), is_gone),
        )
        .values(voided_at=func.clock_timestamp())
        .returning(Ballot.account_id)
        .execution_options(synchronize_session=False)
    ).all()
    for account_id in sorted(voter for voter in voided if voter is not None):
        audit.record(session, "ballot.voided", f"round:{closed.id}", account=account_id)


def _write_turnout_roll(session: Session, closed: Round) -> None:
    """Who took part: not what they chose, nor when (rule V8)."""
    voters = (
        select(Ballot.round_id, Ballot.account_id)
        .where(
            Ballot.round_id == closed.id,
            Ballot.account_id.is_not(None),
            Ballot.voided_at.is_(None),
        )
        .order_by(Ballot.account_id)
    )
    session.execute(insert(Turnout).from_select(["round_id", "account_id"], voters))
