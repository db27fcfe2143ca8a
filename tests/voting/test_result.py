import pytest
from sqlalchemy.orm import Session

from membership.voting import paper, result, topics
from membership.voting.export import FEWEST_TO_SHOW, NotSettledError
from membership.voting.models import Round, Tally
from membership.voting.tally import Stage
from tests import factories
from tests.voting.test_export import run_off, settled


def of_ids(session: Session, held: Round) -> dict[int, int]:
    """The place on the paper of each topic's id."""
    return {topic.id: place for place, topic in enumerate(paper.options(session, held.id))}


def test_approval(session: Session) -> None:
    held = settled(session, seats=2, quorum=3, tie_rule="earliest")
    place = of_ids(session, held)
    shown = result.published(session, held)
    assert shown.outcome == "decided"
    assert [place[winner.topic.id] for winner in shown.winners] == [0, 1]
    assert (shown.advice, shown.overrulings) == ([], [])
    counted = shown.counted
    assert counted is not None
    assert (counted.ballots, counted.quorum, counted.method) == (6, 3, "approval")
    assert (counted.tie_rule, counted.quorum_rule, counted.version) == ("earliest", "void", 2)
    assert counted.stages == []
    rows = [(place[row.topic.id], row.votes, round(row.share), row.won) for row in counted.rows]
    assert rows == [(0, 4, 67, True), (1, 2, 33, True), (2, 2, 33, False)]


def test_instant_runoff(session: Session) -> None:
    """First choices as rows, the longest standing first, and every stage."""
    held = run_off(session)
    place = of_ids(session, held)
    counted = result.published(session, held).counted
    assert counted is not None
    assert [(place[row.topic.id], row.votes) for row in counted.rows] == [(0, 3), (1, 2), (2, 1)]
    assert [row.won for row in counted.rows] == [True, False, False]
    one, two, three = place
    assert counted.stages == [Stage({one: 3, two: 2, three: 1}, 0), Stage({one: 4, two: 2}, 0)]
    assert counted.trace[-1] == f"Topic {one} has more than half of 6 and is chosen."


def test_what_became_of_a_winner(session: Session) -> None:
    held = settled(session)
    editor = factories.staff(session)
    topic = result.published(session, held).winners[0].topic
    topics.assign(session, topic, factories.staff(session, "reporter"), editor)
    (winner,) = result.published(session, held).winners
    assert (winner.topic.state, winner.article) == ("assigned", None)
    article = factories.article(session)
    topics.publish(session, topic, article, editor)
    (winner,) = result.published(session, held).winners
    assert (winner.topic.state, winner.article) == ("published", article)


def test_an_overruling_stands_beside_the_result(session: Session) -> None:
    """[V12] The tally stays as it was."""
    held = settled(session)
    before = result.published(session, held)
    loser = next(topic for topic in paper.options(session, held.id) if topic.state != "selected")
    reporter, editor = factories.staff(session, "reporter"), factories.staff(session)
    topics.assign(session, loser, reporter, editor, reason="New papers came to light.")
    after = result.published(session, held)
    assert [(each.topic, each.reason) for each in after.overrulings] == [
        (loser, "New papers came to light.")
    ]
    assert (after.winners, after.counted) == (before.winners, before.counted)


def test_advice_is_no_win(session: Session) -> None:
    """[V7]"""
    held = settled(session, quorum=100, quorum_rule="advisory")
    shown = result.published(session, held)
    assert (shown.outcome, shown.winners) == ("advisory", [])
    assert [topic.state for topic in shown.advice] == ["not_selected"]
    assert shown.counted is not None
    assert not any(row.won for row in shown.counted.rows)


def test_following_advice_is_no_overruling(session: Session) -> None:
    """[V7] [V12]"""
    held = settled(session, quorum=100, quorum_rule="advisory")
    editor = factories.staff(session)
    ahead = result.published(session, held).advice[0]
    behind = next(topic for topic in paper.options(session, held.id) if topic.id != ahead.id)
    for topic in (ahead, behind):
        topics.assign(session, topic, editor, editor, reason=f"Of {topic.title}.")
    shown = result.published(session, held)
    assert shown.advice == [ahead]
    assert [each.topic for each in shown.overrulings] == [behind]


def test_below_the_fewest_only_the_winners(session: Session) -> None:
    """[V8]"""
    few = result.published(session, settled(session, ballots=FEWEST_TO_SHOW - 1))
    assert len(few.winners) == 1
    assert few.counted is None
    assert result.published(session, settled(session, ballots=FEWEST_TO_SHOW)).counted


@pytest.mark.parametrize(("ballots", "outcome"), [(0, "void"), (6, "decided")])
def test_what_the_first_version_has_stored(session: Session, ballots: int, outcome: str) -> None:
    """Rounds that were settled before there were stages, advice and an electorate."""
    held = settled(session, ballots=ballots)
    stored = session.get_one(Tally, held.id)
    stored.version, stored.electorate = 1, None
    stored.result = {key: stored.result[key] for key in ("votes", "winners", "trace")}
    session.flush()
    shown = result.published(session, held)
    assert shown.outcome == outcome
    if shown.counted:
        assert (shown.counted.electorate, shown.counted.stages) == (None, [])


def test_no_result_yet(session: Session) -> None:
    with pytest.raises(NotSettledError):
        result.published(session, factories.round_(session))
