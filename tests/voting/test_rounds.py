from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing.models import Donation, Subscription
from membership.voting import drafts, paper, rounds
from membership.voting.eligibility import NotEligibleError
from membership.voting.models import Ballot, Round, Tally, Turnout
from membership.voting.rounds import InvalidChoicesError, RoundNotFoundError, RoundNotOpenError
from tests import factories
from tests.factories import NOON
from tests.voting.pages import topic_ids

HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def close(session: Session, held: Round) -> None:
    held.closes_at = rounds.database_now(session)
    session.flush()


def advance_wholly(session: Session, held: Round) -> list[str]:
    steps = []
    while step := rounds.advance(session, held.id):
        steps.append(step)
    session.refresh(held)
    return steps


def count_ballots(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Ballot))


def test_a_patron_votes_and_votes_anew(session: Session) -> None:
    """[V1] [L19] One row per round and patron; what counts is the last word."""
    voter, held = factories.patron(session), factories.round_(session)
    one, two, three = topic_ids(session, held)
    assert rounds.cast(session, held.id, voter.id, [two, one]) == "cast"
    assert rounds.own_choices(session, held.id, voter.id) == [one, two]
    assert rounds.cast(session, held.id, voter.id, [three, three]) == "changed"
    assert rounds.own_choices(session, held.id, voter.id) == [three]
    assert count_ballots(session) == 1


def test_a_vote_can_be_taken_back_while_the_round_is_open(session: Session) -> None:
    voter, other, held = factories.patron(session), factories.patron(session), None
    held = factories.round_(session)
    first = topic_ids(session, held)[0]
    for each in (voter, other):
        rounds.cast(session, held.id, each.id, [first])
    assert rounds.withdraw(session, held.id, voter.id) is True
    assert rounds.withdraw(session, held.id, voter.id) is False
    assert rounds.own_choices(session, held.id, other.id) == [first]
    close(session, held)
    with pytest.raises(RoundNotOpenError):
        rounds.withdraw(session, held.id, other.id)
    with pytest.raises(RoundNotFoundError):
        rounds.withdraw(session, held.id + 1, other.id)
    assert count_ballots(session) == 1


@pytest.mark.parametrize(
    ("state", "opens", "closes"),
    [
        ("open", -2 * HOUR, -HOUR),
        ("open", HOUR, 2 * HOUR),
        ("draft", HOUR, 2 * HOUR),
        ("draft", -2 * HOUR, -HOUR),
        ("closed", -HOUR, HOUR),
        ("settled", -HOUR, HOUR),
    ],
)
def test_the_databases_clock_and_the_state_must_both_say_open(
    session: Session, state: str, opens: timedelta, closes: timedelta
) -> None:
    """[V1] [L21] A beat that is late, or dead, keeps no round open."""
    voter = factories.patron(session)
    held = factories.round_(session, state=state, opens_at=now() + opens, closes_at=now() + closes)
    with pytest.raises(RoundNotOpenError):
        rounds.cast(session, held.id, voter.id, topic_ids(session, held)[:1])
    assert count_ballots(session) == 0


@pytest.mark.parametrize("wrong", [-2 * HOUR, 2 * HOUR])
def test_the_applications_clock_changes_nothing(session: Session, wrong: timedelta) -> None:
    """[V1] [L21]"""
    voter, held = factories.patron(session), factories.round_(session)
    over = factories.round_(session, opens_at=now() - 2 * HOUR, closes_at=now() - HOUR)
    ahead = factories.round_(
        session, state="draft", opens_at=now() + HOUR, closes_at=now() + 2 * HOUR
    )
    with clock.fixed(now() + wrong):
        assert rounds.cast(session, held.id, voter.id, topic_ids(session, held)[:1]) == "cast"
        assert rounds.withdraw(session, held.id, voter.id)
        assert rounds.due(session) == [over.id]
        phases = [rounds.phase(session, each) for each in (ahead, held, over)]
        assert phases == ["upcoming", "open", "counting"]
        for shut in (ahead, over):
            with pytest.raises(RoundNotOpenError):
                rounds.cast(session, shut.id, voter.id, topic_ids(session, shut)[:1])
        assert [advance_wholly(session, each) for each in (ahead, held, over)] == [
            [],
            [],
            ["closed", "void"],
        ]


@pytest.mark.parametrize("most", [1, 3])
def test_choices_must_stand_in_the_round_and_be_no_more_than_allowed(
    session: Session, most: int
) -> None:
    voter, held = factories.patron(session), factories.round_(session, max_choices=most)
    elsewhere = topic_ids(session, factories.round_(session))
    fourth = [*topic_ids(session, held), elsewhere[0]]
    for wrong in ([], fourth[: most + 1], elsewhere[:1], [0], [-1], [2**70], [10**6]):
        with pytest.raises(InvalidChoicesError):
            rounds.cast(session, held.id, voter.id, wrong)
    assert count_ballots(session) == 0
    assert rounds.cast(session, held.id, voter.id, fourth[:most]) == "cast"


def test_a_ranking_is_kept_in_its_order_and_names_each_topic_once(session: Session) -> None:
    """[V2]"""
    voter = factories.patron(session)
    held = factories.round_(session, method="instant_runoff", max_choices=3)
    one, two, three = topic_ids(session, held)
    assert rounds.cast(session, held.id, voter.id, [three, one, two]) == "cast"
    assert rounds.own_choices(session, held.id, voter.id) == [three, one, two]
    elsewhere = topic_ids(session, factories.round_(session))[0]
    for wrong in ([], [two, one, two], [two, two], [one, elsewhere], [two, 0], [two, 2**70]):
        with pytest.raises(InvalidChoicesError):
            rounds.cast(session, held.id, voter.id, wrong)
    assert rounds.own_choices(session, held.id, voter.id) == [three, one, two]
    held.max_choices = 2
    session.flush()
    with pytest.raises(InvalidChoicesError):
        rounds.cast(session, held.id, voter.id, [three, one, two])
    assert rounds.cast(session, held.id, voter.id, [two, one]) == "changed"
    assert rounds.own_choices(session, held.id, voter.id) == [two, one]


def test_a_round_that_is_not_there(session: Session) -> None:
    with pytest.raises(RoundNotFoundError):
        rounds.cast(session, 12345, factories.patron(session).id, [1])
    with pytest.raises(RoundNotFoundError):
        rounds.cast(session, 2**64, factories.patron(session).id, [1])
    for round_id in (0, 12345, 2**64):
        with pytest.raises(RoundNotFoundError):
            rounds.get(session, round_id)


def never_gave(session: Session) -> Account:
    return factories.account(session)


def gave_once(session: Session) -> Account:
    account = factories.account(session)
    factories.donation(session, account)
    return account


def not_settled_yet(session: Session) -> Account:
    account = factories.account(session)
    factories.subscription(session, account)
    return account


def in_state(state: str, **gift):
    def make(session: Session) -> Account:
        account = factories.account(session)
        given = factories.subscription(session, account, state=state)
        factories.donation(session, account, subscription_id=given.id, **gift)
        return account

    return make


@pytest.mark.parametrize(
    ("voter", "eligible"),
    [
        (never_gave, False),
        (gave_once, False),
        (not_settled_yet, False),
        (in_state("active"), True),
        (in_state("active", amount_minor=1), True),
        (in_state("active", paid_at=now()), True),
        (in_state("cancel_scheduled"), True),
        (in_state("past_due"), True),
        (in_state("paused"), True),
        (in_state("incomplete"), False),
        (in_state("ended"), False),
        (in_state("active", refunded_minor=400, refunded_at=NOON), False),
        (in_state("active", disputed_at=NOON), False),
    ],
)
def test_who_may_vote(session: Session, voter, eligible: bool) -> None:
    """[V3] Who joined today votes today; no amount weighs more than another."""
    account, held = voter(session), factories.round_(session)
    if eligible:
        assert rounds.cast(session, held.id, account.id, topic_ids(session, held)[:1]) == "cast"
    else:
        with pytest.raises(NotEligibleError):
            rounds.cast(session, held.id, account.id, topic_ids(session, held)[:1])
        assert count_ballots(session) == 0


def voted(session: Session, held: Round, *choices: int) -> Account:
    voter = factories.patron(session)
    rounds.cast(session, held.id, voter.id, choices)
    return voter


def test_a_round_goes_its_way_by_the_databases_clock(session: Session) -> None:
    """[V11]"""
    topics = [factories.topic(session) for _ in range(3)]
    held = drafts.create(
        session,
        title="What next?",
        topics=topics,
        opens_at=now() - HOUR,
        closes_at=now() + HOUR,
        actor=factories.staff(session),
    )
    seed = held.tie_seed
    assert advance_wholly(session, held) == ["open"]
    assert {topic.state for topic in topics} == {"on_ballot"}
    voters = [voted(session, held, topics[1].id, topics[2].id), voted(session, held, topics[2].id)]
    assert advance_wholly(session, held) == []
    close(session, held)
    assert advance_wholly(session, held) == ["closed", "settled"]
    assert advance_wholly(session, held) == []

    for topic in topics:
        session.refresh(topic)
    assert [topic.state for topic in topics] == ["not_selected", "not_selected", "selected"]
    tally = session.get_one(Tally, held.id)
    assert (tally.method, tally.version, tally.ballots) == ("approval", 2, 2)
    assert tally.result["winners"] == [topics[2].id]
    assert tally.result["votes"] == {
        str(topics[0].id): 0,
        str(topics[1].id): 1,
        str(topics[2].id): 2,
    }
    assert held.tie_seed == seed
    assert set(session.scalars(select(Turnout.account_id))) == {voter.id for voter in voters}
    session.commit()
    actions = session.scalars(
        select(AuditEntry.action)
        .where(AuditEntry.subject == f"round:{held.id}")
        .order_by(AuditEntry.id)
    ).all()
    assert actions == ["round.created", "round.open", "round.closed", "round.settled"]


def test_settling_cuts_the_link_between_voter_and_ballot(session: Session) -> None:
    """[V8] Neither a name, nor a time, nor the order of ballots is left."""
    held = factories.round_(session)
    one, two, three = topic_ids(session, held)
    for choices in ([three], [two], [one, two], [one], [three, two]):
        voted(session, held, *choices)
    close(session, held)
    advance_wholly(session, held)
    kept = session.execute(
        select(Ballot.account_id, Ballot.cast_at, Ballot.choices).order_by(Ballot.id)
    ).all()
    assert [row.choices for row in kept] == [[one], [one, two], [two], [two, three], [three]]
    assert {(row.account_id, row.cast_at) for row in kept} == {(None, None)}


@pytest.mark.parametrize("taken", ["refunded", "disputed"])
@pytest.mark.parametrize(("when", "is_void"), [(-HOUR / 2, True), (HOUR / 2, False)])
def test_money_taken_back_before_the_close_voids_the_ballot(
    session: Session, taken: str, when: timedelta, is_void: bool
) -> None:
    """[V3]"""
    held = factories.round_(session, opens_at=now() - 3 * HOUR, closes_at=now() + HOUR)
    one, two, _ = topic_ids(session, held)
    lost, kept = voted(session, held, one), voted(session, held, two)
    session.execute(update(Ballot).values(cast_at=held.opens_at))
    held.closes_at = now() - HOUR
    gift = session.scalars(select(Donation).where(Donation.account_id == lost.id)).one()
    if taken == "refunded":
        factories.refund(session, gift, gift.amount_minor, held.closes_at + when)
    else:
        gift.disputed_at = held.closes_at + when
    session.flush()
    advance_wholly(session, held)
    session.commit()

    assert session.get_one(Tally, held.id).ballots == (1 if is_void else 2)
    roll = set(session.scalars(select(Turnout.account_id)))
    assert roll == ({kept.id} if is_void else {lost.id, kept.id})
    entries = session.scalars(
        select(AuditEntry.detail).where(AuditEntry.action == "ballot.voided")
    ).all()
    assert entries == ([{"account": lost.id}] if is_void else [])
    void = session.scalars(select(Ballot).where(Ballot.voided_at.is_not(None))).all()
    assert [ballot.choices for ballot in void] == ([[]] if is_void else [])


def test_who_still_gives_keeps_the_vote(session: Session) -> None:
    """[V3] One of two gifts or a part refunded, support ended, refunded later: nothing is void.

    Nor is it when a part went back before the close and the rest after it.
    """
    held = factories.round_(session, opens_at=now() - 3 * HOUR)
    first = topic_ids(session, held)[0]
    gave_twice, part, ended, both = (voted(session, held, first) for _ in range(4))
    gifts = {gift.account_id: gift for gift in session.scalars(select(Donation))}
    held.closes_at = now() - HOUR
    before = held.closes_at - HOUR
    factories.donation(session, gave_twice, subscription_id=gifts[gave_twice.id].subscription_id)
    factories.refund(session, gifts[gave_twice.id], 400, before)
    factories.refund(session, gifts[part.id], 100, before)
    factories.refund(session, gifts[part.id], 300, held.closes_at + HOUR / 2)
    factories.refund(session, gifts[both.id], 400, held.closes_at + HOUR / 2)
    for account in (ended, both):
        agreement = session.get_one(Subscription, gifts[account.id].subscription_id)
        agreement.state, agreement.ended_at = "ended", before
    session.flush()
    advance_wholly(session, held)
    assert session.get_one(Tally, held.id).ballots == 4


def test_a_missed_quorum_makes_the_round_void(session: Session) -> None:
    """[V7]"""
    held = factories.round_(session, quorum=2)
    voter = voted(session, held, topic_ids(session, held)[0])
    close(session, held)
    assert advance_wholly(session, held) == ["closed", "void"]
    assert {topic.state for topic in paper.options(session, held.id)} == {"not_selected"}
    assert session.get_one(Tally, held.id).result["winners"] == []
    assert session.scalars(select(Turnout.account_id)).all() == [voter.id]


def test_a_settled_result_outlives_its_voters(session: Session) -> None:
    """[V9]"""
    held = factories.round_(session)
    voter = voted(session, held, topic_ids(session, held)[0])
    close(session, held)
    advance_wholly(session, held)
    before = session.get_one(Tally, held.id).digest
    for row in (
        *session.scalars(select(Donation).where(Donation.account_id == voter.id)),
        *session.scalars(select(Subscription).where(Subscription.account_id == voter.id)),
        voter,
    ):
        session.delete(row)
        session.flush()
    assert session.scalar(select(func.count()).where(Ballot.round_id == held.id)) == 1
    assert session.get_one(Tally, held.id).digest == before


def test_editors_see_how_many_of_how_many_have_voted(session: Session) -> None:
    """[V4] Whoever voted and then left counts as both."""
    held = factories.round_(session)
    first, *_ = topic_ids(session, held)
    gone, _stays = voted(session, held, first), voted(session, held, first)
    factories.patron(session)
    factories.account(session)
    session.scalars(
        select(Subscription).where(Subscription.account_id == gone.id)
    ).one().state = "ended"
    session.flush()
    assert rounds.live_turnout(session, held) == (2, 3)
