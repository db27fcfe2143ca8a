"""What stands on a ballot paper, in which order, and what makes a round."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.voting import drafts, paper, rounds
from membership.voting.models import Round
from tests import factories

HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def test_every_patron_sees_an_order_of_their_own(session: Session) -> None:
    """[V5] Stable, independent of votes, and about as often one as the other."""
    topics = [factories.topic(session) for _ in range(3)]

    def order(account_id: int | None, round_id: int = 1, key: str = "key") -> tuple[int, ...]:
        return tuple(topic.id for topic in paper.shuffled(topics, round_id, account_id, key))

    orders = [order(number) for number in range(1, 601)]
    assert orders == [order(number) for number in range(1, 601)]
    times = {each: orders.count(each) for each in set(orders)}
    assert len(times) == 6
    assert all(60 < number < 140 for number in times.values())
    assert len({order(None, number) for number in range(50)}) == 6
    assert len({order(1, 1, str(key)) for key in range(50)}) == 6


def test_a_round_that_could_not_be_held_is_not_created(session: Session) -> None:
    two = [factories.topic(session) for _ in range(2)]
    good = {
        "title": "What next?",
        "topics": two,
        "opens_at": now(),
        "closes_at": now() + HOUR,
        "actor": factories.staff(session),
        "max_choices": 2,
    }
    wrong = [
        {"title": " "},
        {"topics": two[:1]},
        {"topics": [two[0], two[0]]},
        {"topics": [two[0], factories.topic(session, state="selected")]},
        {"opens_at": now().replace(tzinfo=None)},
        {"opens_at": now() + 2 * HOUR},
        {"opens_at": now() - 2 * HOUR, "closes_at": now() - HOUR},
        {"max_choices": 0},
        {"seats": 0},
        {"seats": 2},
        {"quorum": 0},
        {"max_choices": 3},
    ]
    for values in wrong:
        with pytest.raises(paper.InvalidRoundError), session.begin_nested():
            drafts.create(session, **(good | values))
    assert session.scalar(select(func.count()).select_from(Round)) == 0

    drafts.create(session, **good)
    with pytest.raises(paper.InvalidRoundError, match="stands in another round"):
        drafts.create(session, **good)


def test_the_paper_and_its_seed_are_fixed_when_the_round_opens(session: Session) -> None:
    """[V6] [V7]"""
    held = drafts.create(
        session,
        title="What next?",
        topics=[factories.topic(session) for _ in range(2)],
        opens_at=now(),
        closes_at=now() + HOUR,
        actor=None,
        max_choices=2,
    )
    before = held.tie_seed
    third, fourth = factories.topic(session), factories.topic(session)
    paper.put_on(session, held, [third])
    sealed = held.tie_seed
    assert sealed != before
    assert rounds.advance(session, held.id) == "open"
    with pytest.raises(paper.InvalidRoundError, match="has opened"):
        paper.put_on(session, held, [fourth])
    assert len(paper.options(session, held.id)) == 3
    assert held.tie_seed == sealed
