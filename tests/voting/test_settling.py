import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import Cursor
from sqlalchemy import Engine, delete, event, func, inspect, select, update
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.billing.models import Donation, Subscription
from membership.voting import export, rounds, settling, tally
from membership.voting.models import Ballot, Round, Tally, Topic, Turnout
from tests import factories
from tests.voting.pages import topic_ids

HOUR = timedelta(hours=1)
RUN_OFF = {"method": "instant_runoff"}


def now() -> datetime:
    return datetime.now(UTC)


def voted(session: Session, held: Round, *choices: int) -> Account:
    voter = factories.patron(session)
    factories.add(session, Ballot(round_id=held.id, account_id=voter.id, choices=list(choices)))
    return voter


def settle(session: Session, held: Round) -> Tally:
    if held.closes_at > now():
        held.closes_at = rounds.database_now(session)
    session.flush()
    while rounds.advance(session, held.id):
        pass
    session.refresh(held)
    return session.get_one(Tally, held.id)


def states(session: Session, held: Round) -> list[str]:
    asked = select(Topic.state).where(Topic.id.in_(topic_ids(session, held))).order_by(Topic.id)
    return list(session.scalars(asked))


def test_identical_ballots_come_as_one_row(session: Session, engine: Engine) -> None:
    """[V6] A million ballots are some hundred rows; what is void or of another round is none."""
    held, other = factories.round_(session), factories.round_(session)
    one, two, three = topic_ids(session, held)
    for choices in [(one, two)] * 4 + [(three,)] * 2:
        voted(session, held, *choices)
    voted(session, other, topic_ids(session, other)[0])
    lost = voted(session, held, two)
    gone = session.scalars(select(Ballot).where(Ballot.account_id == lost.id)).one()
    gone.voided_at = now()
    session.flush()
    fetched: list[int] = []

    def note(_connection: object, cursor: Cursor, *_: object) -> None:
        fetched.append(cursor.rowcount)

    event.listen(engine, "after_cursor_execute", note)
    contest = settling.contest_of(session, held)
    event.remove(engine, "after_cursor_execute", note)
    assert contest.ballots == {(one, two): 4, (three,): 2}
    assert max(fetched) == 3


def test_rankings_are_counted_and_kept_in_their_order(session: Session) -> None:
    """[V2] [V8] The order of choices stays; whose they were, and when, is gone."""
    held = factories.round_(session, **RUN_OFF)
    one, two, three = topic_ids(session, held)
    cast = [(three, one), (two, one), (one, three), (two, three), (three, one, two)]
    for choices in cast:
        voted(session, held, *choices)
    settled = settle(session, held)
    assert settled.method == "instant_runoff"
    assert settled.result["winners"] == [three]
    assert settled.result["stages"][-1] == {
        "votes": {str(two): 2, str(three): 3},
        "exhausted": 0,
    }
    kept = session.scalars(select(Ballot).order_by(Ballot.id)).all()
    assert [tuple(ballot.choices) for ballot in kept] == sorted(cast)
    assert {(ballot.account_id, ballot.cast_at) for ballot in kept} == {(None, None)}
    assert states(session, held) == ["not_selected", "not_selected", "selected"]


def test_advice_chooses_nothing(session: Session) -> None:
    """[V7] The round is settled, says who was ahead, and leaves every topic to the editors."""
    held = factories.round_(session, quorum=2, quorum_rule="advisory")
    one = topic_ids(session, held)[0]
    voted(session, held, one)
    settled = settle(session, held)
    assert held.state == "settled"
    assert (settled.result["outcome"], settled.result["winners"]) == ("advisory", [one])
    assert set(states(session, held)) == {"not_selected"}
    session.commit()
    said = session.scalars(select(AuditEntry).where(AuditEntry.action == "round.settled")).one()
    assert said.detail["outcome"] == "advisory"


def test_the_earliest_of_level_topics(session: Session) -> None:
    """[V7]"""
    held = factories.round_(session, tie_rule="earliest")
    for choice in reversed(topic_ids(session, held)):
        voted(session, held, choice)
    assert settle(session, held).result["winners"] == topic_ids(session, held)[:1]


def test_the_electorate_is_who_might_have_voted_at_the_close(session: Session) -> None:
    """[V3] And whoever did; joining, leaving and being deleted later changes nothing."""
    held = factories.round_(session, opens_at=now() - 3 * HOUR, closes_at=now() + HOUR)
    one = topic_ids(session, held)[0]
    stayed, left, deleted, lost = (voted(session, held, one) for _ in range(4))
    held.closes_at = now() - HOUR
    before, after = held.closes_at - HOUR / 2, held.closes_at + HOUR / 2

    def end(account: Account, at: datetime) -> None:
        theirs = select(Subscription).where(Subscription.account_id == account.id)
        agreement = session.scalars(theirs).one()
        agreement.state, agreement.ended_at = "ended", at

    counted = [factories.patron(session), factories.patron(session)]
    end(counted[1], after)
    end(factories.patron(session), before)
    end(left, before)
    factories.account(session)
    never_paid = factories.account(session)
    factories.subscription(session, never_paid)
    came_late, came_back = factories.account(session), factories.patron(session)
    end(came_back, before)
    for late in (came_late, came_back):
        support = factories.subscription(session, late, started_at=after)
        factories.donation(session, late, subscription_id=support.id, paid_at=after)
    gift = session.scalars(select(Donation).where(Donation.account_id == lost.id)).one()
    gift.disputed_at = before
    session.execute(update(Ballot).values(cast_at=held.opens_at))
    forget(session, [deleted.id])
    session.flush()

    settled = settle(session, held)
    assert settled.ballots == len([stayed, left, deleted])
    assert settled.electorate == settled.ballots + len(counted)


def test_nobody_voted(session: Session) -> None:
    """[V7]"""
    factories.patron(session)
    held = factories.round_(session, quorum_rule="advisory")
    settled = settle(session, held)
    assert (held.state, settled.ballots, settled.electorate) == ("void", 0, 1)
    assert "Nobody voted" in settled.result["trace"][-1]


def forget(session: Session, accounts: list[int]) -> None:
    for table in (Donation, Subscription):
        session.execute(delete(table).where(table.account_id.in_(accounts)))
    session.execute(delete(Account).where(Account.id.in_(accounts)))


@pytest.mark.parametrize("rules", [{}, RUN_OFF])
def test_a_tenth_of_the_voters_is_deleted(session: Session, rules: dict[str, str]) -> None:
    """[V9] [V8] The result stays, in all its parts; no column leads from a ballot to a person."""
    held = factories.round_(session, **rules)
    chance = random.Random(9)
    topics = topic_ids(session, held)
    voters = [
        voted(session, held, *sorted(chance.sample(topics, chance.randint(1, 3)))).id
        for _ in range(40)
    ]
    frozen = settle(session, held)
    before = (frozen.digest, frozen.result, frozen.ballots, frozen.electorate)
    exported = export.export(session, held)
    forget(session, chance.sample(voters, 4))
    session.expire_all()
    frozen = session.get_one(Tally, held.id)
    assert (frozen.digest, frozen.result, frozen.ballots, frozen.electorate) == before
    assert export.export(session, held) == exported
    assert tally.count(settling.contest_of(session, held)).digest == frozen.digest

    # What could be joined on: keys to accounts, and what equals something on the roll.
    rows = session.execute(select(Ballot.__table__)).mappings().all()
    assert len(rows) == 40
    keys = {
        key["constrained_columns"][0]
        for key in inspect(session.connection()).get_foreign_keys("ballot")
        if key["referred_table"] == "account"
    }
    assert keys == {"account_id"}
    assert {row[key] for row in rows for key in keys} == {None}
    varying = {name for name in rows[0] if len({str(row[name]) for row in rows}) > 1}
    assert varying == {"id", "choices"}
    # And the numbers of the rows follow from the choices alone.
    by_number = [row["choices"] for row in sorted(rows, key=lambda row: row["id"])]
    assert by_number == sorted(by_number)
    assert session.scalar(select(func.count()).select_from(Turnout)) == 36


def test_killed_in_the_middle_and_settled_again(committed: Engine) -> None:
    """[V11] [V6] One transaction: nothing is half settled, another try gives the same digest."""
    with Session(committed) as session, session.begin():
        held = factories.round_(session, **RUN_OFF)
        round_id, topics = held.id, topic_ids(session, held)
        for choices in (topics[:2], topics[1:], topics[:1], topics[::-1]):
            voted(session, held, *choices)
        held.closes_at = rounds.database_now(session)
        session.flush()
        rounds.advance(session, round_id)

    def look(session: Session) -> tuple[object, ...]:
        ballots = select(Ballot.account_id, Ballot.choices).order_by(Ballot.id)
        return (
            session.get_one(Round, round_id).state,
            session.get(Tally, round_id),
            [tuple(row) for row in session.execute(ballots)],
            session.scalar(select(func.count()).select_from(Turnout)),
            Counter(states(session, session.get_one(Round, round_id))),
        )

    with Session(committed) as session:
        before = look(session)
    digests = []
    for is_killed in (True, False):
        session = Session(committed)
        rounds.advance(session, round_id)
        digests.append(session.get_one(Tally, round_id).digest)
        if is_killed:
            # What PostgreSQL sees of a process that dies: its connection is gone.
            session.connection().connection.dbapi_connection.close()
            session.connection().invalidate()
            session.close()
            with Session(committed) as another:
                assert look(another) == before
        else:
            session.commit()
            session.close()
    assert digests[0] == digests[1]
    with Session(committed) as session:
        assert look(session)[0] == "settled"
