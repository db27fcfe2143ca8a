"""Approving, editing and giving away topics: what is refused, and what is kept."""

from datetime import date

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.voting import lifecycle, moderation
from membership.voting.models import TOPIC_STATES, Topic, TopicEdit, TopicSupport
from tests import factories
from tests.factories import NOON

WORDS = {"title": "Why is the bridge closed?", "why": "It matters.", "links": []}
NEEDED = {"rejected": {"public_reason": "No."}, "dropped": {"public_reason": "No."}}


@pytest.fixture
def editor(session: Session) -> Account:
    return factories.staff(session, "editor")


def in_state(session: Session, state: str, **values: object) -> Topic:
    needed = dict(NEEDED.get(state, {}))
    if state == "merged":
        needed["merged_into_id"] = factories.topic(session).id
    if state == "published":
        needed["article_id"] = factories.article(session).id
    return factories.topic(session, state=state, **(needed | values))


def entries(session: Session, topic: Topic) -> list[tuple[str, dict[str, object]]]:
    session.commit()
    asked = select(AuditEntry.action, AuditEntry.detail).order_by(AuditEntry.id)
    found = session.execute(asked.where(AuditEntry.subject == f"topic:{topic.id}"))
    return [(action, detail) for action, detail in found]


def test_an_approved_suggestion_still_waits(session: Session, editor: Account) -> None:
    """[V13]"""
    topic = factories.topic(session)
    moderation.approve(session, topic, editor)
    assert topic.approved_at is not None
    assert topic.state == "suggested"
    assert entries(session, topic) == [("topic.approved", {})]


@pytest.mark.parametrize("state", [state for state in TOPIC_STATES if state != "suggested"])
def test_only_suggestions_are_approved(session: Session, editor: Account, state: str) -> None:
    """[V13]"""
    topic = in_state(session, state)
    with pytest.raises(lifecycle.ForbiddenTransitionError):
        moderation.approve(session, topic, editor)
    assert topic.approved_at is None
    assert entries(session, topic) == []


def test_nothing_is_approved_twice(session: Session, editor: Account) -> None:
    topic = factories.topic(session, approved_at=NOON)
    with pytest.raises(lifecycle.ForbiddenTransitionError):
        moderation.approve(session, topic, editor)
    assert topic.approved_at == NOON


def test_an_edit_keeps_what_was_said_before(session: Session, editor: Account) -> None:
    """[S10] The audit entry names the fields, never what they said: it cannot forget."""
    topic = factories.topic(session, title="THE BRIDGE!!!", why="Call me on 555 0100.", links=[])
    slug = topic.slug
    words = WORDS | {"links": ["https://example.org/bridge"]}
    assert moderation.edit(session, topic, editor, **words)
    kept = session.scalars(select(TopicEdit)).one()
    assert (kept.title, kept.why, kept.links) == ("THE BRIDGE!!!", "Call me on 555 0100.", [])
    assert (kept.topic_id, kept.actor_id) == (topic.id, editor.id)
    assert topic.title == "Why is the bridge closed?"
    assert topic.slug == slug, "its address stays"
    assert entries(session, topic) == [("topic.edited", {"fields": ["title", "why", "links"]})]


def test_the_same_words_are_no_edit(session: Session, editor: Account) -> None:
    topic = factories.topic(session, **WORDS)
    assert not moderation.edit(session, topic, editor, **WORDS)
    assert session.scalar(select(TopicEdit)) is None
    assert entries(session, topic) == []


@pytest.mark.parametrize("state", sorted(set(TOPIC_STATES) - moderation.REWRITABLE))
def test_voters_find_what_they_read(session: Session, editor: Account, state: str) -> None:
    """[V6] From the opening of a round on, nobody changes what was voted on."""
    topic = in_state(session, state, title="What voters read")
    with pytest.raises(moderation.WordsStandError):
        moderation.edit(session, topic, editor, **WORDS)
    assert topic.title == "What voters read"
    assert session.scalar(select(TopicEdit)) is None


@pytest.mark.parametrize("state", sorted(moderation.REWRITABLE))
def test_what_nobody_voted_on_may_be_edited(session: Session, editor: Account, state: str) -> None:
    """[S10] A declined suggestion may name somebody who must be left in peace."""
    topic = in_state(session, state)
    assert moderation.edit(session, topic, editor, **WORDS)
    assert topic.why == "It matters."


def test_a_story_goes_to_another_writer_on_another_day(session: Session, editor: Account) -> None:
    writer = factories.staff(session, "reporter")
    topic = in_state(session, "assigned", assigned_to_id=editor.id)
    moderation.reassign(session, topic, writer, editor, due_on=date(2026, 4, 1))
    assert (topic.assigned_to_id, topic.due_on) == (writer.id, date(2026, 4, 1))
    detail = {"to": writer.id, "due_on": "2026-04-01"}
    assert entries(session, topic) == [("topic.reassigned", detail)]


@pytest.mark.parametrize("state", [state for state in TOPIC_STATES if state != "assigned"])
def test_only_what_is_being_written_goes_on(session: Session, editor: Account, state: str) -> None:
    topic = in_state(session, state)
    with pytest.raises(lifecycle.ForbiddenTransitionError):
        moderation.reassign(session, topic, editor, editor, due_on=None)
    assert topic.assigned_to_id is None


def test_the_fingerprint_is_of_what_an_editor_decides_about(
    session: Session, editor: Account
) -> None:
    topic = factories.topic(session)
    seen = [moderation.fingerprint(topic)]
    reader = factories.account(session)
    session.execute(insert(TopicSupport).values(topic_id=topic.id, account_id=reader.id))
    session.refresh(topic)
    assert moderation.fingerprint(topic) == seen[0], "support changes nothing about it"
    for name, value in [
        ("title", "Another title"),
        ("why", "Another reason"),
        ("links", ["https://example.org"]),
        ("approved_at", NOON),
        ("state", "on_ballot"),
        ("assigned_to_id", editor.id),
        ("due_on", date(2026, 4, 1)),
    ]:
        setattr(topic, name, value)
        seen.append(moderation.fingerprint(topic))
    assert len(set(seen)) == len(seen)


def test_look_alikes_are_found_for_many_at_once(session: Session) -> None:
    bridge = factories.topic(session, title="Why is the old bridge closed?")
    twin = factories.topic(session, title="Why is the old bridge still closed?")
    gone = in_state(session, "rejected", title="Why is the old bridge closed")
    river = factories.topic(session, title="How clean is our river?")
    found = moderation.alike(session, [bridge, twin, gone, river])
    assert found == {bridge.id: [twin], twin.id: [bridge], gone.id: [bridge, twin]}
    assert moderation.alike(session, []) == {}


def test_the_most_alike_come_first_and_few_of_them(session: Session) -> None:
    topic = factories.topic(session, title="Why is the old bridge closed?")
    others = [
        factories.topic(session, title=f"Why is the old bridge closed{more}?")
        for more in (" to all of us for so long", " to us", "", " to all of us")
    ]
    _longest, short, same, longer = others
    assert moderation.alike(session, [topic])[topic.id] == [same, short, longer]
