"""Which ballots are void when a round is settled, and what settling waits for (rule V3)."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.billing import forgetting
from membership.billing.models import Donation, StripeEvent, Subscription
from membership.db import database_now, transaction
from membership.voting import export, paper, rounds, topics
from membership.voting.models import Ballot, Round, Tally
from tests import factories

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def held_lately(session: Session, closed_for: timedelta = MINUTE) -> Round:
    """A round that was open for three days and has closed."""
    now = database_now(session)
    closes_at = now - closed_for
    return factories.round_(session, opens_at=closes_at - 3 * DAY, closes_at=closes_at)


def voted(session: Session, held: Round, cast_at: datetime | None = None) -> Account:
    voter = factories.patron(session)
    choices = [paper.options(session, held.id)[0].id]
    cast_at = cast_at or held.opens_at + DAY
    factories.add(
        session, Ballot(round_id=held.id, account_id=voter.id, choices=choices, cast_at=cast_at)
    )
    return voter


def ended(session: Session, account: Account, at: datetime) -> Subscription:
    theirs = select(Subscription).where(Subscription.account_id == account.id)
    agreement = session.scalars(theirs).one()
    agreement.state, agreement.ended_at = "ended", at
    session.flush()
    return agreement


def settled_ballots(session: Session, held: Round) -> int:
    while rounds.advance(session, held.id):
        pass
    return session.get_one(Tally, held.id).ballots


@pytest.mark.parametrize("taken", ["refunded", "disputed"])
@pytest.mark.parametrize(
    ("after_voting", "is_void"), [(-890 * DAY, False), (-MINUTE, True), (HOUR, True)]
)
def test_only_money_lost_since_the_vote_voids_it(
    session: Session, taken: str, after_voting: timedelta, is_void: bool
) -> None:
    """[V3] What went back years ago is no matter when support ends; of what went back just before
    the vote we may have heard after it."""
    held = held_lately(session)
    voter = voted(session, held)
    agreement = ended(session, voter, held.closes_at - HOUR)
    at = held.opens_at + DAY + after_voting
    lost = factories.donation(
        session, voter, subscription_id=agreement.id, stripe_invoice_id="in_x", paid_at=at - DAY
    )
    if taken == "refunded":
        factories.refund(session, lost, at=at)
    else:
        lost.disputed_at = at
    session.flush()
    assert settled_ballots(session, held) == (0 if is_void else 1)


@pytest.mark.parametrize(("before_the_close", "is_void"), [(HOUR, True), (-MINUTE / 2, False)])
def test_who_left_may_have_come_back_and_voted_again(
    session: Session, before_the_close: timedelta, is_void: bool
) -> None:
    """[V1] [V9] One person has one ballot; who is deleted after the close changes nothing."""
    held = held_lately(session)
    gone = voted(session, held)
    ended(session, gone, held.opens_at + 2 * DAY)
    voted(session, held)
    forgetting.forget(session, gone)
    gone.deleted_at = held.closes_at - before_the_close
    assert settled_ballots(session, held) == (1 if is_void else 2)
    session.commit()
    voided = select(AuditEntry.detail).where(AuditEntry.action == "ballot.voided")
    assert list(session.scalars(voided)) == ([{"account": gone.id}] if is_void else [])


def heard(session: Session, created_at: datetime, **values: object) -> StripeEvent:
    defaults = {"id": "evt_1", "type": "charge.refunded", "payload": {}, "object_id": "ch_1"}
    return factories.add(session, StripeEvent(**(defaults | values), created_at=created_at))


@pytest.mark.parametrize("kind", ["charge.refunded", "charge.dispute.created"])
def test_settling_waits_for_money_on_its_way_back(session: Session, kind: str) -> None:
    """[V3] It went back before the close; that the worker is late must not keep the ballot."""
    held = held_lately(session)
    voter = voted(session, held)
    event = heard(session, held.closes_at - MINUTE, type=kind)
    assert rounds.advance(session, held.id) == "closed"
    assert rounds.advance(session, held.id) is None
    assert rounds.phase(session, held) == "counting"
    gift = session.scalars(select(Donation).where(Donation.account_id == voter.id)).one()
    gift.disputed_at, event.state = held.closes_at - MINUTE, "processed"
    session.flush()
    assert settled_ballots(session, held) == 0


@pytest.mark.parametrize(
    ("closed_for", "after_the_close", "values"),
    [
        (HOUR + MINUTE, -MINUTE, {}),
        (MINUTE, MINUTE / 2, {}),
        (MINUTE, -MINUTE, {"state": "failed"}),
        (MINUTE, -MINUTE, {"type": "customer.updated"}),
    ],
)
def test_settling_waits_for_nothing_else(
    session: Session, closed_for: timedelta, after_the_close: timedelta, values: dict[str, str]
) -> None:
    """[V3] [L21] Nor longer than an hour."""
    held = held_lately(session, closed_for)
    voted(session, held)
    heard(session, held.closes_at + after_the_close, **values)
    assert settled_ballots(session, held) == 1


@pytest.mark.parametrize("ballots", [export.FEWEST_TO_SHOW - 1, export.FEWEST_TO_SHOW])
def test_the_audit_log_tells_no_digest_of_few_ballots(session: Session, ballots: int) -> None:
    """[V8] It would name them to whoever tries all that could have been cast."""
    held = held_lately(session)
    for _ in range(ballots):
        voted(session, held)
    settled_ballots(session, held)
    session.commit()
    said = session.scalars(select(AuditEntry).where(AuditEntry.action == "round.settled")).one()
    assert ("digest" in said.detail) is (ballots == export.FEWEST_TO_SHOW)


def test_late_voters_do_not_hold_up_the_close(committed: Engine) -> None:
    """[V1] [L21] Whoever comes after the end waits for nothing and locks nothing."""
    with transaction() as session:
        held = held_lately(session)
        voter, choice = factories.patron(session).id, paper.options(session, held.id)[0].id
        round_id = held.id
    with transaction() as closing:
        closing.execute(select(Round.id).where(Round.id == round_id).with_for_update())
        for act in (
            lambda late: rounds.cast(late, round_id, voter, [choice]),
            lambda late: rounds.withdraw(late, round_id, voter),
        ):
            with transaction() as late:
                late.execute(text("SET LOCAL lock_timeout = '1s'"))
                with pytest.raises(rounds.RoundNotOpenError):
                    act(late)


def test_settling_leaves_the_audit_log_free(
    committed: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[V3] [S9] A million ballots take seconds; with a void one among them as without."""
    with transaction() as session:
        held = held_lately(session)
        lost = voted(session, held)
        session.execute(
            update(Donation)
            .where(Donation.account_id == lost.id)
            .values(disputed_at=held.closes_at - HOUR)
        )
        voted(session, held)
        round_id = held.id
        rounds.advance(session, round_id)
    free: list[bool] = []
    change_state = topics.change_state

    def look_first(*given: object, **named: object) -> None:
        with committed.connect() as other:
            taken = "SELECT pg_try_advisory_xact_lock(hashtextextended('audit_entry', 0))"
            free.append(bool(other.scalar(text(taken))))
        change_state(*given, **named)

    monkeypatch.setattr(topics, "change_state", look_first)
    with transaction() as session:
        assert rounds.advance(session, round_id) == "settled"
    assert free == [True] * 3
    with transaction() as session:
        actions = select(AuditEntry.action).order_by(AuditEntry.id.desc()).limit(5)
        assert "ballot.voided" in list(session.scalars(actions))
