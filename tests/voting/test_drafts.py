"""Drafts: what a round may be, and what may change until it opens."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.db import database_now, transaction
from membership.voting import drafts, lifecycle, paper, rounds, topics
from membership.voting.drafts import InvalidRoundError
from membership.voting.models import Round, RoundOption, Topic
from tests import factories
from tests.voting.waiting import wait_for_a_lock

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


def good(session: Session, **values: Any) -> dict[str, Any]:
    """The rules of a round that opens in an hour, over three new suggestions."""
    return {
        "title": "What next?",
        "topics": values.get("topics") or [factories.topic(session) for _ in range(3)],
        "opens_at": now() + HOUR,
        "closes_at": now() + DAY,
    } | values


def made(session: Session, **values: Any) -> Round:
    return drafts.create(session, actor=factories.staff(session), **good(session, **values))


def standing(session: Session, draft: Round) -> list[Topic]:
    return paper.options(session, draft.id)


def number_of_rounds(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Round)) or 0


def last_entry(session: Session) -> AuditEntry:
    session.commit()
    return session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"title": " "}, "needs a title"),
    ({"opens_at": datetime(2030, 1, 1)}, "need their zone"),  # noqa: DTZ001
    ({"closes_at": datetime(2030, 1, 1)}, "need their zone"),  # noqa: DTZ001
    ({"opens_at": datetime(2031, 1, 1, tzinfo=UTC)}, "closes after it opens"),
    ({"closes_at": datetime(2020, 1, 1, tzinfo=UTC)}, "cannot close in the past"),
    ({"opens_at": datetime(1, 1, 1, tzinfo=UTC)}, "within ten years of today"),
    ({"closes_at": datetime(9999, 12, 31, tzinfo=UTC)}, "within ten years of today"),
    ({"method": "guessing"}, "by approval or by instant-runoff"),
    ({"max_choices": 0}, "at least one topic"),
    ({"max_choices": 4}, "no more than stand: 3"),
    ({"seats": 0}, "fewer win than stand"),
    ({"seats": 3}, "fewer win than stand"),
    ({"method": "instant_runoff", "seats": 2}, "exactly one topic"),
    ({"quorum": 0}, "at least one ballot"),
    ({"quorum_rule": "win"}, "is void, or its result is advice"),
    ({"tie_rule": "loudest"}, "by lot, or by which was suggested first"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_what_cannot_be_held_is_neither_created_nor_changed_to(
    session: Session, wrong: dict[str, Any], said: str
) -> None:
    """[V7]"""
    draft = made(session)
    seed, entry = draft.tie_seed, last_entry(session)
    with pytest.raises(InvalidRoundError, match=said):
        made(session, **wrong)
    same = good(session, topics=standing(session, draft))
    with pytest.raises(InvalidRoundError, match=said):
        drafts.change(session, draft, factories.staff(session), **(same | wrong))
    session.expire_all()
    assert number_of_rounds(session) == 1
    assert (draft.title, draft.seats, draft.quorum, draft.tie_seed) == ("What next?", 1, 1, seed)
    assert last_entry(session) == entry


def test_topics_are_two_or_more_each_once_and_free(session: Session) -> None:
    """[V10]"""
    one, two = factories.topic(session), factories.topic(session)
    taken = standing(session, made(session))[0]
    rejected = factories.topic(session, state="rejected", public_reason="Not ours.")
    for asked, said in (
        ([one], "at least two topics"),
        ([one, one], "only once"),
        ([one, two, one], "only once"),
        ([one, two, taken], "stands in another round"),
        ([one, two, rejected], "is no open suggestion any more"),
    ):
        with pytest.raises(InvalidRoundError, match=said):
            made(session, topics=asked, max_choices=1)
    assert number_of_rounds(session) == 1
    assert (one.approved_at, two.approved_at) == (None, None)


def test_what_stands_on_a_ballot_is_approved(session: Session) -> None:
    """[V13] And the audit log says by whom. An approval given before keeps its time."""
    read, unread = factories.topic(session, approved_at=factories.NOON), factories.topic(session)
    editor = factories.staff(session)
    rules = good(session, topics=[read, unread], max_choices=2)
    draft = drafts.create(session, actor=editor, **rules)
    drafts.change(session, draft, editor, **rules)
    session.commit()
    assert read.approved_at == factories.NOON
    assert unread.approved_at is not None
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "topic.approved")).one()
    assert (entry.subject, entry.actor_id) == (f"topic:{unread.id}", editor.id)
    assert entry.detail == {"round": draft.id}


def test_checking_writes_and_locks_nothing(session: Session) -> None:
    rules = good(session)
    asked = rules.pop("topics")
    meant = drafts.check(session, asked, **rules | {"title": " What next? "})
    assert meant.title == "What next?"
    assert number_of_rounds(session) == 0
    assert session.scalars(select(AuditEntry)).all() == []
    assert {topic.approved_at for topic in asked} == {None}


def test_a_draft_gets_other_topics_rules_and_times(session: Session) -> None:
    """[V6] [V7] And a new seed; the audit log names what was changed."""
    draft, editor = made(session), factories.staff(session)
    seed, (kept, dropped, _other) = draft.tie_seed, standing(session, draft)
    new = factories.topic(session)
    rules = good(
        session,
        topics=[new, kept],
        title="And now?",
        opens_at=draft.opens_at + HOUR,
        closes_at=draft.closes_at,
        max_choices=2,
        method="instant_runoff",
        quorum=9,
        quorum_rule="advisory",
        tie_rule="earliest",
    )
    assert drafts.change(session, draft, editor, **rules) is draft
    session.expire_all()
    assert {topic.id for topic in standing(session, draft)} == {new.id, kept.id}
    assert all(getattr(draft, name) == rules[name] for name in rules if name != "topics")
    assert (draft.state, draft.tie_seed == seed) == ("draft", False)
    assert dropped.state == "suggested"
    entry = last_entry(session)
    assert (entry.action, entry.actor_id) == ("round.changed", editor.id)
    assert set(entry.detail["changed"]) == set(rules) - {"closes_at"}
    made(session, topics=[dropped, factories.topic(session)], max_choices=1)


def test_the_seed_follows_from_round_and_topics_alone(session: Session) -> None:
    """[V6]"""
    draft = made(session)
    seed, first = draft.tie_seed, standing(session, draft)
    editor = factories.staff(session)
    drafts.change(session, draft, editor, **good(session, title="Otherwise?", topics=first))
    assert draft.tie_seed == seed
    drafts.change(session, draft, editor, **good(session, topics=first[:2], max_choices=2))
    assert draft.tie_seed != seed


def open_one(session: Session) -> Round:
    return factories.round_(session)


def due_one(session: Session) -> Round:
    """Its opening has come, but beat sleeps."""
    return factories.round_(session, [factories.topic(session) for _ in range(3)], state="draft")


@pytest.mark.parametrize("held", [open_one, due_one])
def test_from_the_opening_on_nothing_changes(
    session: Session, held: Callable[[Session], Round]
) -> None:
    """[V7] [L21]"""
    opened, editor = held(session), factories.staff(session)
    before = (opened.title, opened.tie_seed, [topic.id for topic in standing(session, opened)])
    with pytest.raises(InvalidRoundError, match="has opened"):
        drafts.change(session, opened, editor, **good(session))
    session.expire_all()
    assert before == (
        opened.title,
        opened.tie_seed,
        [topic.id for topic in standing(session, opened)],
    )


def test_what_has_opened_is_not_taken_back(session: Session) -> None:
    """[V7] A draft whose hour has struck is no open round yet: nobody has voted in it."""
    editor = factories.staff(session)
    with pytest.raises(InvalidRoundError, match="has opened"):
        drafts.cancel(session, open_one(session), editor)
    drafts.cancel(session, due_one(session), editor)
    assert number_of_rounds(session) == 1


def test_the_databases_clock_says_whether_it_has_opened(session: Session) -> None:
    """[L21] A draft that opens a moment later can be changed; one of a moment ago cannot."""
    editor = factories.staff(session)
    draft = made(session)
    draft.opens_at = database_now(session) + timedelta(seconds=30)
    drafts.change(session, draft, editor, **good(session, topics=standing(session, draft)))
    draft.opens_at = database_now(session)
    with pytest.raises(InvalidRoundError, match="has opened"):
        drafts.change(session, draft, editor, **good(session, topics=standing(session, draft)))


def test_a_draft_taken_back_is_gone_and_its_topics_wait(session: Session) -> None:
    draft, editor = made(session), factories.staff(session)
    freed, subject = standing(session, draft), f"round:{draft.id}"
    drafts.cancel(session, draft, editor)
    assert number_of_rounds(session) == 0
    assert session.scalars(select(RoundOption)).all() == []
    assert {topic.state for topic in freed} == {"suggested"}
    entry = last_entry(session)
    assert (entry.action, entry.subject, entry.actor_id) == ("round.cancelled", subject, editor.id)
    made(session, topics=freed)
    for refused in (
        lambda: drafts.cancel(session, draft, editor),
        lambda: drafts.change(session, draft, editor, **good(session)),
    ):
        with pytest.raises(InvalidRoundError, match="taken back meanwhile"):
            refused()


def together(app: Flask, *acts: Callable[[], None]) -> list[str]:
    """Do all `acts` at the same moment; what each said, empty when it went well."""
    start, said = threading.Barrier(len(acts)), [""] * len(acts)

    def run(place: int, act: Callable[[], None]) -> None:
        with app.app_context():
            start.wait(timeout=60)
            try:
                act()
            except (InvalidRoundError, lifecycle.ForbiddenTransitionError) as error:
                said[place] = str(error)

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads), "somebody waits in a circle"
    return said


def test_a_topic_that_two_want_stands_in_one_round(app: Flask, committed: Engine) -> None:
    """[V11]"""
    with transaction() as session:
        ids = [factories.topic(session).id for _ in range(3)]

    def create() -> None:
        with transaction() as session:
            asked = [session.get_one(Topic, id_) for id_ in ids]
            drafts.create(session, actor=None, **good(session, topics=asked))

    said = together(app, create, create, create)
    assert sorted(bool(sentence) for sentence in said) == [False, True, True]
    with transaction() as session:
        assert number_of_rounds(session) == 1


@pytest.mark.parametrize("turn", range(5))
def test_changing_opening_and_rejecting_at_once_end_well(
    app: Flask, committed: Engine, turn: int
) -> None:
    """[V7] [V11] Rounds are locked before topics: nobody waits in a circle."""
    with transaction() as session:
        editor_id = factories.staff(session).id
        draft = made(session)
        draft_id, first = draft.id, standing(session, draft)[turn % 3].id
        spare = [factories.topic(session).id for _ in range(2)]
        draft.opens_at = database_now(session) + timedelta(milliseconds=20)

    def change() -> None:
        with transaction() as session:
            draft, editor = session.get_one(Round, draft_id), session.get_one(Account, editor_id)
            asked = [session.get_one(Topic, id_) for id_ in (first, *spare)]
            drafts.change(session, draft, editor, **good(session, topics=asked, opens_at=now()))

    def reject() -> None:
        with transaction() as session:
            editor = session.get_one(Account, editor_id)
            topic = session.get_one(Topic, first)
            topics.change_state(session, topic, "rejected", editor, reason="Not ours.")

    def open_it() -> None:
        with transaction() as session:
            rounds.advance(session, draft_id)

    together(app, change, reject, open_it)
    with transaction() as session:
        held = session.get_one(Round, draft_id)
        rejected = session.get_one(Topic, first).state == "rejected"
        options = standing(session, held)
        assert (first in {topic.id for topic in options}) != rejected
        expected = {"draft": {"suggested"}, "open": {"on_ballot"}}[held.state]
        assert {topic.state for topic in options} == expected


def test_readers_are_told_that_a_draft_can_still_change(
    session: Session, client: FlaskClient
) -> None:
    """[V6] Its rules and seed stand there for everybody; once it is open, nothing changes."""
    draft = made(session)
    page = client.get(f"/rounds/{draft.id}").text
    assert "can still change" in page
    assert draft.tie_seed in page
    assert "can still change" not in client.get(f"/rounds/{open_one(session).id}").text


def test_patrons_never_choose_more_topics_than_are_left(session: Session) -> None:
    """[V7] A topic that is declined leaves the drafts it stands in, whose seed is sealed anew."""
    draft = made(session)
    seed, gone = draft.tie_seed, standing(session, draft)[0]
    editor = factories.staff(session)
    topics.change_state(session, gone, "rejected", editor, reason="Not ours.")
    assert (len(standing(session, draft)), draft.max_choices) == (2, 2)
    assert draft.tie_seed != seed


@pytest.mark.parametrize("act", ["cancel", "change"])
def test_whoever_comes_while_a_round_opens_waits_and_is_refused(
    app: Flask, committed: Engine, act: str
) -> None:
    """[V7] [V11]"""
    with transaction() as session:
        editor_id, draft = factories.staff(session).id, made(session)
        draft_id = draft.id

    def late() -> str:
        with app.app_context():
            try:
                with transaction() as session:
                    held = session.get_one(Round, draft_id)
                    editor = session.get_one(Account, editor_id)
                    if act == "cancel":
                        drafts.cancel(session, held, editor)
                    else:
                        same = good(session, topics=standing(session, held))
                        drafts.change(session, held, editor, **same)
            except InvalidRoundError as error:
                return str(error)
        return ""

    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            # As beat opens it, a moment before the draft's own hour.
            session.execute(update(Round).values(state="open"))
            session.execute(update(Topic).values(state="on_ballot"))
            said = pool.submit(late)
            wait_for_a_lock()
        assert "This round has opened" in said.result(timeout=30)
    with transaction() as session:
        assert session.get_one(Round, draft_id).state == "open"
        assert len(session.scalars(select(RoundOption)).all()) == 3
