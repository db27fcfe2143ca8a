from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from membership.accounts.models import AuditEntry
from membership.mail import letters
from membership.mail.models import OutboxEmail
from membership.voting import lifecycle, paper, rounds, suggestions, topics
from membership.voting.models import (
    TOPIC_STATES,
    Round,
    Topic,
    TopicChange,
    TopicSupport,
)
from tests import factories
from tests.voting.test_lifecycle import FORBIDDEN


def in_state(session: Session, state: str) -> Topic:
    needs = {
        "merged": lambda: {"merged_into_id": factories.topic(session).id},
        "published": lambda: {"article_id": factories.article(session).id},
        "rejected": lambda: {"public_reason": "We looked."},
        "dropped": lambda: {"public_reason": "We looked."},
    }
    return factories.topic(session, state=state, **needs.get(state, dict)())


def supporters(session: Session, topic: Topic) -> set[int]:
    return set(
        session.scalars(select(TopicSupport.account_id).where(TopicSupport.topic_id == topic.id))
    )


@pytest.mark.parametrize("before", TOPIC_STATES)
def test_a_forbidden_step_changes_nothing(session: Session, before: str) -> None:
    """[V10]"""
    editor, story = factories.staff(session), factories.article(session)
    topic, original = in_state(session, before), factories.topic(session)
    acts = {
        "merged": lambda: topics.merge(session, topic, original, editor),
        "published": lambda: topics.publish(session, topic, story, editor),
        "assigned": lambda: topics.assign(session, topic, editor, editor, reason="Why."),
    }
    for _, after in [pair for pair in FORBIDDEN if pair[0] == before]:
        plainly = lambda to=after: topics.change_state(session, topic, to, editor, reason="Why.")  # noqa: E731
        for act in {plainly, acts.get(after, plainly)}:
            with pytest.raises(lifecycle.ForbiddenTransitionError):
                act()
    session.refresh(topic)
    assert topic.state == before
    assert story.asked_topic_slug is None
    for table in (TopicChange, AuditEntry, OutboxEmail):
        assert session.scalar(select(func.count()).select_from(table)) == 0


def test_every_step_leaves_history_and_an_audit_entry(session: Session) -> None:
    """[V10] [S9]"""
    editor, topic = factories.staff(session), factories.topic(session)
    topics.change_state(session, topic, "on_ballot", None)
    topics.change_state(session, topic, "not_selected", None)
    with pytest.raises(lifecycle.MissingReasonError):
        topics.assign(session, topic, editor, editor)
    topics.assign(session, topic, editor, editor, reason=" It matters anyway. ")
    assert (topic.assigned_to_id, topic.public_reason) == (editor.id, "It matters anyway.")
    changes = session.execute(
        select(TopicChange.from_state, TopicChange.to_state, TopicChange.actor_id).order_by(
            TopicChange.id
        )
    ).all()
    assert changes == [
        ("suggested", "on_ballot", None),
        ("on_ballot", "not_selected", None),
        ("not_selected", "assigned", editor.id),
    ]
    session.commit()
    entries = session.execute(
        select(AuditEntry.action, AuditEntry.subject).order_by(AuditEntry.id)
    ).all()
    assert entries == [
        (f"topic.{state}", f"topic:{topic.id}")
        for state in ("on_ballot", "not_selected", "assigned")
    ]


@pytest.mark.parametrize("to", ["rejected", "dropped"])
def test_what_is_turned_down_says_why(session: Session, to: str) -> None:
    """[V10]"""
    editor = factories.staff(session)
    topic = in_state(session, "suggested" if to == "rejected" else "assigned")
    with pytest.raises(lifecycle.MissingReasonError):
        topics.change_state(session, topic, to, editor)
    topics.change_state(session, topic, to, editor, reason="Others have reported it well.")
    assert topic.public_reason == "Others have reported it well."


def test_merging_moves_supporters_once(session: Session) -> None:
    """[V10]"""
    one, two, three = (factories.patron(session) for _ in range(3))
    topic, original = factories.topic(session), factories.topic(session)
    for each in (one, two):
        suggestions.support(session, topic, each.id)
    for each in (two, three):
        suggestions.support(session, original, each.id)
    topics.merge(session, topic, original, factories.staff(session))
    assert (topic.state, topic.merged_into_id) == ("merged", original.id)
    assert supporters(session, original) == {one.id, two.id, three.id}
    assert supporters(session, topic) == set()


def test_a_topic_is_merged_into_another_one_that_lives(session: Session) -> None:
    """[V10] One that was voted on and not chosen does not: nobody would hear of it again."""
    editor, topic = factories.staff(session), factories.topic(session)
    over = ("rejected", "merged", "not_selected", "dropped")
    for original in (topic, *(in_state(session, state) for state in over)):
        with pytest.raises(lifecycle.MissingOriginalError):
            topics.merge(session, topic, original, editor)
    assert topic.state == "suggested"


def soon(session: Session) -> datetime:
    return rounds.database_now(session) + timedelta(minutes=1)


def test_a_topic_that_is_turned_down_leaves_a_round_that_has_not_opened(
    session: Session,
) -> None:
    editor = factories.staff(session)
    standing = [factories.topic(session) for _ in range(4)]
    held = factories.round_(session, standing, state="draft", opens_at=soon(session))
    before = held.tie_seed
    topics.change_state(session, standing[0], "rejected", editor, reason="We did that last year.")
    topics.merge(session, standing[1], standing[2], editor)
    assert [topic.id for topic in paper.options(session, held.id)] == [
        topic.id for topic in standing[2:]
    ]
    session.refresh(held)
    assert held.tie_seed != before


def chosen(session: Session, *, voters: int) -> tuple[Round, Topic, list]:
    held = factories.round_(session)
    first = paper.options(session, held.id)[0]
    accounts = [factories.patron(session) for _ in range(voters)]
    for account in accounts:
        rounds.cast(session, held.id, account.id, [first.id])
    held.closes_at = rounds.database_now(session)
    session.flush()
    while rounds.advance(session, held.id):
        pass
    session.refresh(first)
    return held, first, accounts


def test_publishing_tells_everyone_who_voted(session: Session) -> None:
    """[V8] [V10] You asked, we reported: from the turnout roll, without a ballot."""
    editor, story = factories.staff(session), factories.article(session)
    held, topic, voters = chosen(session, voters=3)
    voters[2].language = "uk"
    factories.patron(session)
    loser = paper.options(session, held.id)[1]
    topics.assign(session, topic, editor, editor)
    topics.publish(session, topic, story, editor)

    assert (topic.state, topic.article_id) == ("published", story.id)
    assert (story.asked_topic_slug, story.asked_topic_title) == (topic.slug, topic.title)
    mails = session.scalars(select(OutboxEmail).order_by(OutboxEmail.id)).all()
    assert [mail.recipient for mail in mails] == [voter.email for voter in voters]
    assert {(mail.kind, mail.subject) for mail in mails} == {("published", f"topic:{topic.id}")}
    assert mails[0].context["url"] == f"http://localhost/articles/{story.slug}"
    assert mails[2].context["url"] == f"http://localhost/uk/articles/{story.slug}"
    with pytest.raises(lifecycle.ForbiddenTransitionError):
        topics.publish(session, topic, story, editor)

    # The editors overruled the result (V12): the round's voters hear of that story, too.
    session.execute(delete(OutboxEmail))
    topics.assign(session, loser, editor, editor, reason="It grew.")
    topics.publish(session, loser, factories.article(session), editor)
    told = session.scalars(select(OutboxEmail.recipient).order_by(OutboxEmail.id)).all()
    assert told == [voter.email for voter in voters]


def test_a_draft_is_not_emptied_behind_its_back(session: Session) -> None:
    """[V10] Declining all but one topic of a round would leave nothing to vote on."""
    editor = factories.staff(session)
    draft = factories.round_(session, state="draft", seats=1, opens_at=soon(session))
    stand = paper.options(session, draft.id)
    for topic in stand[2:]:
        topics.change_state(session, topic, "rejected", editor, reason="Twice.")
    with pytest.raises(paper.InvalidRoundError, match="too few"), session.begin_nested():
        topics.change_state(session, stand[0], "rejected", editor, reason="No.")
    assert len(paper.options(session, draft.id)) == 2


def test_whoever_voted_in_two_rounds_is_told_once(session: Session) -> None:
    """[V11]"""
    editor = factories.staff(session)
    _, topic, voters = chosen(session, voters=1)
    again = factories.round_(session, [topic], state="settled")
    session.connection().exec_driver_sql(
        f"INSERT INTO tally SELECT {again.id}, method, version, ballots, digest, result FROM tally"
    )
    session.connection().exec_driver_sql(f"INSERT INTO turnout VALUES ({again.id}, {voters[0].id})")
    topics.assign(session, topic, editor, editor)
    topics.publish(session, topic, factories.article(session), editor)
    assert session.scalar(select(func.count()).select_from(OutboxEmail)) == 1


@pytest.mark.parametrize("language", ["en", "uk"])
def test_the_mail_has_one_link_and_all_in_its_text(session: Session, language: str) -> None:
    """[M7]"""
    editor, story = factories.staff(session), factories.article(session, title="Trains & <night>")
    _, topic, voters = chosen(session, voters=1)
    voters[0].language = language
    topics.assign(session, topic, editor, editor)
    topics.publish(session, topic, story, editor)
    mail = session.scalars(select(OutboxEmail)).one()
    mail.message_id = "<1@courier.example>"
    letter = letters.compose(mail)
    text = letter.get_body(("plain",)).get_content()
    html = letter.get_body(("html",)).get_content()
    assert "Trains & <night>" in letter["Subject"]
    assert topic.title in text
    assert "Trains & <night>" in text
    assert mail.context["url"] in text
    assert "Trains &amp; &lt;night&gt;" in html
    assert html.count(f'href="{mail.context["url"]}"') == 1
    assert letter["List-Unsubscribe"]
