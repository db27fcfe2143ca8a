"""Recurring rounds: one a month, built three days before it opens from what has most supporters."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from membership.accounts.models import AuditEntry
from membership.db import transaction
from membership.voting import drafts, moderation, paper, rounds, series
from membership.voting.drafts import InvalidRoundError
from membership.voting.models import Round, RoundSeries, Topic, TopicSupport
from tests import factories

KYIV = ZoneInfo("Europe/Kyiv")
DAY = timedelta(days=1)
# Half past nine on the fifth of each month, for a week.
MONTHLY: dict[str, Any] = {
    "title": "What next?",
    "method": "approval",
    "max_choices": 3,
    "seats": 1,
    "quorum": 10,
    "quorum_rule": "advisory",
    "tie_rule": "earliest",
    "topics": 3,
    "day": 5,
    "opens_at": time(9, 30),
    "days": 7,
}
Clock = Callable[[datetime], None]


def in_kyiv(*at: int) -> datetime:
    return datetime(*at, tzinfo=KYIV)


def monthly(session: Session, **values: Any) -> RoundSeries:
    return factories.add(session, RoundSeries(**(MONTHLY | values)))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the database's clock, as series and drafts read it."""

    def act(now: datetime) -> None:
        for module in (series, drafts):
            monkeypatch.setattr(module, "database_now", lambda _session: now.astimezone(UTC))

    return act


def built(session: Session) -> list[Round]:
    """What is built now, by whoever comes by."""
    session.flush()
    ids = series.build_due()
    session.expire_all()
    return [session.get_one(Round, round_id) for round_id in ids]


def wanted(session: Session, supporters: int, **values: Any) -> Topic:
    """An approved suggestion with so many supporters."""
    topic = factories.topic(session, **({"approved_at": factories.NOON} | values))
    for _ in range(supporters):
        patron = factories.account(session)
        session.add(TopicSupport(topic_id=topic.id, account_id=patron.id))
    session.flush()
    return topic


def entries(session: Session, action: str) -> list[AuditEntry]:
    session.commit()
    return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


@pytest.mark.parametrize(
    ("values", "after", "opens_at"),
    [
        ({}, in_kyiv(2027, 3, 1), datetime(2027, 3, 5, 7, 30, tzinfo=UTC)),
        ({}, in_kyiv(2027, 3, 5, 9, 29, 59), datetime(2027, 3, 5, 7, 30, tzinfo=UTC)),
        ({}, in_kyiv(2027, 3, 5, 9, 30), datetime(2027, 4, 5, 6, 30, tzinfo=UTC)),
        ({}, in_kyiv(2027, 12, 31), datetime(2028, 1, 5, 7, 30, tzinfo=UTC)),
        # It is May in Kyiv already, and still April in London.
        ({"day": 1}, in_kyiv(2027, 5, 1, 0, 30), datetime(2027, 5, 1, 6, 30, tzinfo=UTC)),
        ({"day": 1}, in_kyiv(2028, 1, 31), datetime(2028, 2, 1, 7, 30, tzinfo=UTC)),
        ({"day": 28}, in_kyiv(2028, 2, 28, 10), datetime(2028, 3, 28, 6, 30, tzinfo=UTC)),
        ({"day": 28}, in_kyiv(2028, 2, 1), datetime(2028, 2, 28, 7, 30, tzinfo=UTC)),
        ({"built_for": date(2027, 3, 1)}, in_kyiv(2027, 3, 1), in_kyiv(2027, 4, 5, 9, 30)),
        # 28 March 2027: at three the clock goes to four. 31 October: at four back to three.
        (
            {"day": 28, "opens_at": time(3, 30)},
            in_kyiv(2027, 3, 27),
            datetime(2027, 3, 28, 1, 30, tzinfo=UTC),
        ),
        (
            {"day": 28, "opens_at": time(3, 30)},
            in_kyiv(2029, 10, 27),
            datetime(2029, 10, 28, 0, 30, tzinfo=UTC),
        ),
    ],
)
def test_it_opens_by_the_newsrooms_calendar(
    app: Flask, values: dict[str, Any], after: datetime, opens_at: datetime
) -> None:
    """Whatever the clock does in spring and autumn, and in leap years."""
    with app.app_context():
        assert series.opening(RoundSeries(**(MONTHLY | values)), after) == opens_at


def test_it_closes_at_the_time_of_day_at_which_it_opened(session: Session, at: Clock) -> None:
    at(in_kyiv(2027, 3, 20))
    next_round = series.upcoming(session, monthly(session, day=25))
    assert next_round.opens_at == datetime(2027, 3, 25, 7, 30, tzinfo=UTC)
    assert next_round.closes_at == datetime(2027, 4, 1, 6, 30, tzinfo=UTC)
    assert next_round.closes_at.astimezone(KYIV) == in_kyiv(2027, 4, 1, 9, 30)


def test_a_draft_is_built_three_days_before_it_opens(session: Session, at: Clock) -> None:
    """[V6] Not sooner, and once."""
    recurring = monthly(session)
    for number in (2, 3):
        wanted(session, number)
    at(in_kyiv(2027, 3, 2, 9, 29, 59))
    assert built(session) == []
    at(in_kyiv(2027, 3, 2, 9, 30))
    (draft,) = built(session)
    assert (draft.title, draft.state) == ("What next?, March 2027", "draft")
    assert (draft.opens_at, draft.closes_at) == (
        in_kyiv(2027, 3, 5, 9, 30),
        in_kyiv(2027, 3, 12, 9, 30),
    )
    assert (draft.series_id, draft.method, draft.seats) == (recurring.id, "approval", 1)
    assert (draft.quorum, draft.quorum_rule, draft.tie_rule) == (10, "advisory", "earliest")
    # Fewer stand than the series hoped for.
    assert draft.max_choices == 2
    (entry,) = entries(session, "round.created")
    assert (entry.actor_id, entry.detail["series"]) == (None, recurring.id)
    for later in (in_kyiv(2027, 3, 2, 9, 31), in_kyiv(2027, 3, 5, 9, 30), in_kyiv(2027, 4, 1)):
        at(later)
        assert built(session) == []


def test_it_takes_what_has_most_supporters(session: Session, at: Clock) -> None:
    """[V13] Of those level the oldest; nothing unread, taken or past."""
    monthly(session)
    fewer, old, newer, most = (wanted(session, number) for number in (1, 2, 2, 3))
    wanted(session, 9, approved_at=None)
    wanted(session, 9, state="assigned")
    taken = [wanted(session, 9) for _ in range(2)]
    at(in_kyiv(2027, 3, 3))
    drafts.create(
        session,
        title="Something else",
        topics=taken,
        opens_at=in_kyiv(2027, 3, 4),
        closes_at=in_kyiv(2027, 3, 6),
        max_choices=1,
        actor=None,
    )
    (draft,) = built(session)
    standing = {topic.id for topic in paper.options(session, draft.id)}
    assert standing == {most.id, old.id, newer.id}
    assert fewer.id not in standing


def test_two_series_share_no_topic(session: Session, at: Clock) -> None:
    monthly(session)
    monthly(session, title="And abroad?")
    topics = [wanted(session, number) for number in (5, 4, 3, 2, 1)]
    at(in_kyiv(2027, 3, 3))
    first, second = built(session)
    assert {topic.id for topic in paper.options(session, first.id)} == {
        topic.id for topic in topics[:3]
    }
    assert {topic.id for topic in paper.options(session, second.id)} == {
        topic.id for topic in topics[3:]
    }


def test_a_beat_that_slept_builds_late_but_never_past_the_opening(
    session: Session, at: Clock
) -> None:
    """[L21] [V7] Rules are known before they count."""
    monthly(session)
    for _ in range(4):
        wanted(session, 1)
    at(in_kyiv(2027, 3, 5, 9, 30))
    assert built(session) == []
    at(in_kyiv(2027, 4, 5, 9, 29))
    (draft,) = built(session)
    assert draft.opens_at == in_kyiv(2027, 4, 5, 9, 30)


def test_what_is_switched_off_builds_nothing(session: Session, at: Clock) -> None:
    recurring, editor = monthly(session), factories.staff(session)
    for _ in range(2):
        wanted(session, 1)
    at(in_kyiv(2027, 3, 3))
    series.change(session, recurring, editor, is_active=False)
    assert built(session) == []
    series.change(session, recurring, editor, is_active=True)
    assert len(built(session)) == 1
    assert [entry.detail["changed"] for entry in entries(session, "series.changed")] == [
        ["is_active"],
        ["is_active"],
    ]


@pytest.mark.parametrize(("seats", "enough"), [(1, 2), (2, 3)])
def test_with_too_few_topics_nothing_is_built_and_it_is_said_once(
    session: Session, at: Clock, seats: int, enough: int
) -> None:
    """[V7] A round of which everything wins is none. What is approved in time is still taken."""
    recurring = monthly(session, seats=seats, max_choices=1)
    topics = [wanted(session, 1) for _ in range(enough - 1)]
    late = wanted(session, 1, approved_at=None)
    for now in (in_kyiv(2027, 3, 3), in_kyiv(2027, 3, 4)):
        at(now)
        assert built(session) == []
        assert series.upcoming(session, recurring).is_short
    (entry,) = entries(session, "round.not_built")
    assert entry.subject == f"series:{recurring.id}"
    assert entry.detail == {"opens_at": "2027-03-05T07:30:00+00:00", "topics": enough - 1}
    moderation.approve(session, late, factories.staff(session))
    (draft,) = built(session)
    assert len(paper.options(session, draft.id)) == enough
    drafts.cancel(session, draft, factories.staff(session))
    for topic in topics:
        topic.approved_at = None
    session.flush()
    at(in_kyiv(2027, 4, 3))
    assert built(session) == []
    assert len(entries(session, "round.not_built")) == 2


def test_a_draft_that_was_moved_or_taken_back_is_not_built_again(
    session: Session, at: Clock
) -> None:
    """An editor has the last word, until next month."""
    monthly(session)
    topics = [wanted(session, 1) for _ in range(3)]
    editor = factories.staff(session)
    at(in_kyiv(2027, 3, 3))
    (draft,) = built(session)
    moved = {"opens_at": in_kyiv(2027, 3, 8), "closes_at": in_kyiv(2027, 3, 9)}
    drafts.change(session, draft, editor, title="Later", topics=topics, **moved)
    assert built(session) == []
    drafts.cancel(session, draft, editor)
    assert built(session) == []
    at(in_kyiv(2027, 4, 3))
    assert len(built(session)) == 1


def test_a_series_that_is_changed_keeps_what_it_has_built(session: Session, at: Clock) -> None:
    recurring, editor = monthly(session), factories.staff(session)
    for _ in range(3):
        wanted(session, 1)
    at(in_kyiv(2027, 3, 3))
    (draft,) = built(session)
    series.change(session, recurring, editor, day=6, quorum=2)
    assert built(session) == []
    session.refresh(draft)
    assert (draft.quorum, draft.opens_at) == (10, in_kyiv(2027, 3, 5, 9, 30))
    assert series.upcoming(session, recurring).opens_at == in_kyiv(2027, 4, 6, 9, 30)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": " "}, "needs a title"),
        ({"day": 0}, "from 1 to 28"),
        ({"day": 29}, "from 1 to 28"),
        ({"days": 0}, "for 1 to 28 days"),
        ({"days": 29}, "for 1 to 28 days"),
        ({"topics": 1}, "at least two topics"),
        ({"max_choices": 4}, "no more than stand: 3"),
        ({"seats": 3}, "fewer win than stand"),
        ({"method": "instant_runoff", "seats": 2}, "exactly one topic"),
        ({"quorum": 0}, "at least one ballot"),
    ],
)
def test_a_series_that_could_hold_no_round_is_refused(
    session: Session, wrong: dict[str, Any], said: str
) -> None:
    editor, recurring = factories.staff(session), monthly(session)
    with pytest.raises(InvalidRoundError, match=said):
        series.create(session, editor, **(MONTHLY | wrong))
    with pytest.raises(InvalidRoundError, match=said):
        series.change(session, recurring, editor, **wrong)
    session.expire_all()
    assert (recurring.title, recurring.day, recurring.seats) == ("What next?", 5, 1)
    assert session.scalar(select(func.count()).select_from(RoundSeries)) == 1
    assert session.scalars(select(AuditEntry)).all() == []


def test_setting_one_up_is_written_down(session: Session) -> None:
    editor = factories.staff(session)
    recurring = series.create(session, editor, **MONTHLY)
    (entry,) = entries(session, "series.created")
    assert (entry.subject, entry.actor_id) == (f"series:{recurring.id}", editor.id)
    assert recurring.is_active


def test_two_beats_at_once_build_one(
    app: Flask, committed: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[V11]"""
    # Due on whichever day this test runs.
    monkeypatch.setattr(series, "AHEAD", 40 * DAY)
    with transaction() as session:
        recurring_id = monthly(session).id
        for _ in range(3):
            wanted(session, 1)
    start = threading.Barrier(4)

    def beat(_number: int) -> int:
        with app.app_context():
            start.wait(timeout=60)
            return len(series.build_due())

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(beat, range(4), timeout=60)) == [0, 0, 0, 1]
    with transaction() as session:
        (draft,) = session.scalars(select(Round))
        assert draft.series_id == recurring_id
        assert session.scalars(select(AuditEntry.action)).all() == ["round.created"]


def test_the_beat_builds_what_is_due(
    app: Flask, committed: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "AHEAD", 40 * DAY)
    with transaction() as session:
        monthly(session)
        for _ in range(3):
            wanted(session, 1)
    rounds.advance_all()
    with transaction() as session:
        assert session.scalars(select(Round.state)).all() == ["draft"]


def test_a_draft_that_was_moved_to_next_month_is_its_round(session: Session, at: Clock) -> None:
    """[V11] A series opens once at a time, and goes on; a round of its own may open then."""
    recurring = monthly(session)
    for _ in range(9):
        wanted(session, 1)
    at(in_kyiv(2027, 3, 3))
    (march,) = built(session)
    april = {"opens_at": in_kyiv(2027, 4, 5, 9, 30), "closes_at": in_kyiv(2027, 4, 6)}
    asked = april | {"title": "Later", "topics": paper.options(session, march.id)}
    drafts.change(session, march, factories.staff(session), **asked)
    at(in_kyiv(2027, 4, 3))
    assert built(session) == []
    assert series.upcoming(session, recurring).opens_at == in_kyiv(2027, 5, 5, 9, 30)
    at(in_kyiv(2027, 5, 3))
    (may,) = built(session)
    asked["topics"] = paper.options(session, may.id)
    asked |= {"opens_at": march.opens_at, "closes_at": may.closes_at}
    with pytest.raises(InvalidRoundError, match="opens at this time already"):
        drafts.change(session, may, factories.staff(session), **asked)
    asked["topics"] = [factories.topic(session) for _ in range(3)]
    drafts.create(session, actor=None, **asked)


def test_a_series_that_cannot_be_built_stops_no_other(
    session: Session, at: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[L7] What it had begun is gone with it."""
    broken, sound = monthly(session, title="Broken"), monthly(session, title="Sound")
    for _ in range(9):
        wanted(session, 1)
    at(in_kyiv(2027, 3, 3))
    real = drafts.create

    def create(session: Session, **values: Any) -> Round:
        made = real(session, **values)
        if made.series_id == broken.id:
            raise RuntimeError
        return made

    monkeypatch.setattr(drafts, "create", create)
    (draft,) = built(session)
    assert draft.series_id == sound.id
    assert session.scalar(select(func.count()).select_from(Round)) == 1
    session.refresh(broken)
    assert broken.built_for is None
