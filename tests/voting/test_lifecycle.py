from collections.abc import Callable
from itertools import product

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from membership.accounts.models import AuditEntry
from membership.db import database_now
from membership.mail.models import OutboxEmail
from membership.voting import lifecycle, rounds, settling, topics
from membership.voting.models import (
    ROUND_STATES,
    TOPIC_STATES,
    Ballot,
    Round,
    Tally,
    Topic,
    TopicChange,
    Turnout,
)
from tests import factories

# Rule V10, written out a second time.
ALLOWED = {
    ("suggested", "rejected"),
    ("suggested", "merged"),
    ("suggested", "on_ballot"),
    ("on_ballot", "selected"),
    ("on_ballot", "not_selected"),
    ("selected", "assigned"),
    ("not_selected", "assigned"),
    ("assigned", "published"),
    ("assigned", "dropped"),
}
FORBIDDEN = sorted(set(product(TOPIC_STATES, repeat=2)) - ALLOWED)
ROUND_STEPS = {("draft", "open"), ("open", "closed"), ("closed", "settled"), ("closed", "void")}


@pytest.mark.parametrize(("before", "after"), sorted(ALLOWED))
def test_the_steps_of_a_topic(before: str, after: str) -> None:
    """[V10]"""
    lifecycle.check_topic(before, after, reason="Why.", has_article=True, has_original=True)


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_every_other_step_is_forbidden(before: str, after: str) -> None:
    """[V10]"""
    with pytest.raises(lifecycle.ForbiddenTransitionError, match=f"from {before} to {after}"):
        lifecycle.check_topic(before, after, reason="Why.", has_article=True, has_original=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [("suggested", "rejected"), ("assigned", "dropped"), ("not_selected", "assigned")],
)
@pytest.mark.parametrize("reason", [None, "", "  \n"])
def test_what_disappoints_needs_a_public_reason(before: str, after: str, reason) -> None:
    """[V10] [V12]"""
    with pytest.raises(lifecycle.MissingReasonError):
        lifecycle.check_topic(before, after, reason=reason)


def test_publishing_needs_the_article_and_merging_the_original() -> None:
    """[V10]"""
    with pytest.raises(lifecycle.MissingArticleError):
        lifecycle.check_topic("assigned", "published")
    with pytest.raises(lifecycle.MissingOriginalError):
        lifecycle.check_topic("suggested", "merged")


def test_the_steps_of_a_round() -> None:
    """[V11]"""
    for before, after in product(ROUND_STATES, repeat=2):
        if (before, after) in ROUND_STEPS:
            lifecycle.check_round(before, after)
        else:
            with pytest.raises(lifecycle.ForbiddenTransitionError):
                lifecycle.check_round(before, after)


def topic_in(session: Session, state: str) -> Topic:
    """A topic in `state` with all that this state asks for."""
    made = {
        "rejected": {"public_reason": "Because."},
        "dropped": {"public_reason": "Because."},
        "published": {"article_id": factories.article(session).id},
        "merged": {"merged_into_id": factories.topic(session).id},
    }
    return factories.topic(session, state=state, **made.get(state, {}))


def rows(session: Session, *tables: type) -> list[int]:
    return [session.scalar(select(func.count()).select_from(table)) for table in tables]


def refused(session: Session, topic: Topic, act: Callable[[], object]) -> None:
    """The act is refused as a forbidden transition and has left no trace."""
    before = topic.state
    kept = rows(session, TopicChange, AuditEntry, OutboxEmail)
    with pytest.raises(lifecycle.ForbiddenTransitionError), session.begin_nested():
        act()
    session.expire_all()
    assert topic.state == before
    assert rows(session, TopicChange, AuditEntry, OutboxEmail) == kept


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_no_function_takes_a_topic_a_forbidden_step(
    session: Session, before: str, after: str
) -> None:
    """[V10]"""
    topic, editor = topic_in(session, before), factories.staff(session)
    story, original = factories.article(session), factories.topic(session)
    refused(
        session, topic, lambda: topics.change_state(session, topic, after, editor, reason="Why.")
    )
    own = {
        "assigned": lambda: topics.assign(session, topic, editor, editor, reason="Why."),
        "published": lambda: topics.publish(session, topic, story, editor),
        "merged": lambda: topics.merge(session, topic, original, editor),
    }
    if after in own:
        refused(session, topic, own[after])


def test_what_an_editor_overrules_is_said_in_the_topics_history(session: Session) -> None:
    """[V12] The tally stays as it is."""
    held, editor = factories.round_(session), factories.staff(session)
    voter = factories.patron(session)
    chosen, other, _ = session.scalars(select(Topic).order_by(Topic.id)).all()
    rounds.cast(session, held.id, voter.id, [chosen.id])
    held.closes_at = database_now(session)
    session.flush()
    while rounds.advance(session, held.id):
        pass
    frozen = session.get_one(Tally, held.id)
    before = (frozen.digest, dict(frozen.result))
    with pytest.raises(lifecycle.MissingReasonError), session.begin_nested():
        topics.assign(session, other, editor, editor, reason=" ")
    topics.assign(session, other, editor, editor, reason=" The dam may break this year. ")
    told = session.execute(
        select(TopicChange.from_state, TopicChange.reason, TopicChange.actor_id)
        .where(TopicChange.topic_id == other.id)
        .order_by(TopicChange.id.desc())
    ).first()
    assert told == ("not_selected", "The dam may break this year.", editor.id)
    session.expire_all()
    assert (frozen.digest, frozen.result) == before
    assert chosen.state == "selected"


@pytest.mark.parametrize("state", ROUND_STATES)
def test_a_round_takes_the_step_that_is_due_and_no_other(session: Session, state: str) -> None:
    """[V11] Whoever asks, and however often."""
    held = factories.round_(session, state=state)
    session.execute(update(Round).values(closes_at=database_now(session)))
    session.refresh(held)
    steps = []
    while step := rounds.advance(session, held.id):
        lifecycle.check_round(steps[-1] if steps else state, step)
        steps.append(step)
    whole = ["draft", "open", "closed", "void"]
    assert steps == (whole[whole.index(state) + 1 :] if state in whole else [])
    assert rounds.due(session) == []


@pytest.mark.parametrize("state", [state for state in ROUND_STATES if state != "closed"])
def test_only_a_closed_round_is_settled(session: Session, state: str) -> None:
    """[V11]"""
    held = factories.round_(session, state=state)
    kept = rows(session, Tally, Turnout, Ballot, TopicChange, AuditEntry)
    with pytest.raises(lifecycle.ForbiddenTransitionError), session.begin_nested():
        settling.settle(session, held)
    session.expire_all()
    assert held.state == state
    assert rows(session, Tally, Turnout, Ballot, TopicChange, AuditEntry) == kept
