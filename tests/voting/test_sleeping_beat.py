"""Beat slept. The database's clock goes on, and nothing of a vote is any different for it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.db import transaction
from membership.mail.models import OutboxEmail
from membership.voting import drafts, paper, rounds, series, telling
from membership.voting.models import Ballot, Round, RoundSeries, Tally, Topic, TopicChange, Turnout
from membership.voting.rounds import RoundNotOpenError
from tests import factories
from tests.voting.pages import topic_ids
from tests.voting.test_series import MONTHLY

HOUR = timedelta(hours=1)
SignIn = Callable[[Session, Account], FlaskClient]


def now() -> datetime:
    return datetime.now(UTC)


def late_draft(session: Session, **times: datetime) -> Round:
    """A draft whose opening has passed."""
    times = {"opens_at": now() - HOUR, "closes_at": now() + HOUR} | times
    return factories.round_(session, state="draft", **times)


def number_of(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table))


def test_an_hour_past_the_close_a_vote_answers_409_and_one_result_follows(
    session: Session, signed_in: SignIn
) -> None:
    """[V1] [L21]"""
    held = factories.round_(session, opens_at=now() - 3 * HOUR)
    in_time, late = factories.patron(session), factories.patron(session)
    first, second, _ = topic_ids(session, held)
    rounds.cast(session, held.id, in_time.id, [first])
    held.closes_at = now() - HOUR
    session.flush()
    client = signed_in(session, late)
    for form in ({"choice": str(second)}, {}):
        assert client.post(f"/rounds/{held.id}", data=form).status_code == 409
    client = signed_in(session, in_time)
    assert client.post(f"/rounds/{held.id}", data={"choice": str(second)}).status_code == 409
    assert client.post(f"/rounds/{held.id}/withdraw").status_code == 409
    assert rounds.own_choices(session, held.id, in_time.id) == [first]
    assert rounds.phase(session, held) == "counting"

    assert [rounds.advance_all() for _ in range(3)] == [2, 0, 0]
    (result,) = session.scalars(select(Tally)).all()
    assert (result.round_id, result.ballots) == (held.id, 1)
    assert result.result["winners"] == [first]
    assert session.scalars(select(Turnout.account_id)).all() == [in_time.id]


def test_whoever_votes_first_opens_a_round_whose_time_has_come(
    session: Session, signed_in: SignIn
) -> None:
    """[L21] The page shows the ballot, a vote is taken, and beat finds nothing left to open."""
    held, voter = late_draft(session), factories.patron(session)
    first = topic_ids(session, held)[0]
    assert rounds.phase(session, held) == "open"
    client = signed_in(session, voter)
    assert 'name="choice"' in client.get(f"/rounds/{held.id}").text
    session.expire_all()
    assert held.state == "draft"
    assert client.post(f"/rounds/{held.id}", data={"choice": str(first)}).status_code == 303
    session.expire_all()
    assert held.state == "open"
    assert {topic.state for topic in paper.options(session, held.id)} == {"on_ballot"}
    assert rounds.own_choices(session, held.id, voter.id) == [first]
    assert rounds.due(session) == []
    opened = select(func.count()).where(AuditEntry.action == "round.open")
    assert session.scalar(opened) == 1


def test_a_round_that_cannot_open_takes_no_vote(session: Session) -> None:
    """[V11] [L7]"""
    held, voter = late_draft(session), factories.patron(session)
    first, *_ = paper.options(session, held.id)
    first.state, first.public_reason = "rejected", "Because."
    session.flush()
    with pytest.raises(RoundNotOpenError):
        rounds.cast(session, held.id, voter.id, [first.id])
    session.expire_all()
    assert (held.state, number_of(session, Ballot)) == ("draft", 0)


def test_a_round_whose_whole_time_passed_goes_all_its_way(session: Session) -> None:
    """[V7] [V11] [L21] Nobody could vote: it is void, nobody is told of a vote they missed."""
    factories.patron(session)
    held = late_draft(session, opens_at=now() - 3 * HOUR, closes_at=now() - HOUR)
    assert rounds.phase(session, held) == "counting"
    assert rounds.advance_all() == 3
    session.expire_all()
    assert held.state == "void"
    assert {topic.state for topic in paper.options(session, held.id)} == {"not_selected"}
    steps = session.execute(
        select(TopicChange.from_state, TopicChange.to_state).order_by(TopicChange.id)
    ).all()
    assert steps == [("suggested", "on_ballot")] * 3 + [("on_ballot", "not_selected")] * 3
    entries = session.scalars(select(AuditEntry.action).where(AuditEntry.subject.like("round:%")))
    assert entries.all() == ["round.open", "round.closed", "round.void"]
    assert number_of(session, OutboxEmail) == 0


def test_what_fails_in_one_part_stops_no_other(
    committed: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[V11] [L7] A series that cannot be built: rounds go on, and are told of."""
    with transaction() as session:
        held, voter = factories.round_(session), factories.patron(session)
        rounds.cast(session, held.id, voter.id, topic_ids(session, held)[:1])
        session.execute(update(Round).values(closes_at=func.clock_timestamp()))
        session.add(RoundSeries(**MONTHLY))
    tried = []

    def fail(*_args: object) -> None:
        tried.append(1)
        raise RuntimeError

    monkeypatch.setattr(series, "AHEAD", 40 * 24 * HOUR)
    monkeypatch.setattr(series, "_next", fail)
    assert rounds.advance_all() == 2
    with transaction() as session:
        kinds = session.scalars(select(OutboxEmail.kind)).all()
        assert kinds == [telling.RESULT]
        assert number_of(session, Tally) == 1
    assert tried == [1]


def test_a_late_draft_changes_no_more(session: Session) -> None:
    """[V6] [V7] Its rules were public until the opening, and stand from then on, or it is gone."""
    held, editor = late_draft(session), factories.staff(session)
    rules = {"title": "Otherwise?", "opens_at": held.opens_at, "closes_at": held.closes_at}
    with pytest.raises(drafts.InvalidRoundError, match="has opened"):
        drafts.change(session, held, editor, topics=paper.options(session, held.id), **rules)
    rounds.cast(session, held.id, factories.patron(session).id, topic_ids(session, held)[:1])
    with pytest.raises(drafts.InvalidRoundError, match="has opened"):
        drafts.cancel(session, held, editor)


def test_suggesting_again_what_was_not_chosen_is_open_to_readers(
    session: Session, signed_in: SignIn
) -> None:
    """[V10] [V13] A topic stands once; the same idea may stand again as a new suggestion."""
    held = late_draft(session, opens_at=now() - 3 * HOUR, closes_at=now() - HOUR)
    rounds.advance_all()
    lost = session.get_one(Topic, topic_ids(session, held)[0], populate_existing=True)
    assert lost.state == "not_selected"
    client = signed_in(session, factories.patron(session))
    again = {"title": f"{lost.title} once again", "why": "It matters as much as it did."}
    answer = client.post("/topics/suggest", data=again)
    assert answer.status_code == 303
    assert session.scalar(select(Topic.state).where(Topic.title == again["title"])) == "suggested"
