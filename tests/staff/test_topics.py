"""Moderation: from a suggestion to a published story, and what editors may not see."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.voting import suggestions
from membership.voting.models import Topic
from tests import factories
from tests.conftest import SignedIn


def suggested(session: Session, title: str = "Why is the bridge closed?") -> Topic:
    return suggestions.suggest(session, factories.patron(session).id, title, "It matters.", "en")


def again(session: Session, topic: Topic) -> Topic:
    return session.get_one(Topic, topic.id, populate_existing=True)


def in_state(session: Session, state: str, **values: object) -> Topic:
    topic = suggested(session)
    topic.state = state
    for name, value in values.items():
        setattr(topic, name, value)
    session.flush()
    return topic


def actions(session: Session, actor: Account) -> list[str]:
    asked = select(AuditEntry.action).where(AuditEntry.actor_id == actor.id)
    return list(session.scalars(asked.order_by(AuditEntry.id)))


def test_declining_needs_a_reason_that_readers_see(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    """[V10]"""
    topic = suggested(session)
    refused = browser.post(f"/staff/topics/{topic.id}/reject", data={"reason": " "})
    assert refused.status_code == 422
    assert "Readers are owed a reason." in refused.text
    assert again(session, topic).state == "suggested"
    done = browser.post(f"/staff/topics/{topic.id}/reject", data={"reason": "We did that in May."})
    assert done.status_code == 303
    assert again(session, topic).state == "rejected"
    assert again(session, topic).public_reason == "We did that in May."
    assert actions(session, editor) == ["topic.rejected"]


@pytest.mark.parametrize("typed", ["{slug}", "http://localhost/uk/topics/{slug}/"])
def test_merging_by_slug_or_address(session: Session, browser: FlaskClient, typed: str) -> None:
    original, twin = suggested(session), suggested(session, "The bridge: why is it closed?")
    data = {"original": typed.format(slug=original.slug)}
    assert browser.post(f"/staff/topics/{twin.id}/merge", data=data).status_code == 303
    assert again(session, twin).merged_into_id == original.id


@pytest.mark.parametrize("typed", ["no-such-topic", "{own}"])
def test_merging_into_nothing_changes_nothing(
    session: Session, browser: FlaskClient, typed: str
) -> None:
    topic = suggested(session)
    data = {"original": typed.format(own=topic.slug)}
    refused = browser.post(f"/staff/topics/{topic.id}/merge", data=data)
    assert refused.status_code == 409
    assert "Choose another topic" in refused.text
    assert again(session, topic).state == "suggested"


def test_a_chosen_topic_becomes_a_story(session: Session, browser: FlaskClient) -> None:
    reporter = factories.staff(session, "reporter")
    story = factories.article(session, title="The bridge opens")
    topic = in_state(session, "selected")
    browser.post(f"/staff/topics/{topic.id}/assign", data={"reporter": reporter.id})
    assert again(session, topic).assigned_to_id == reporter.id
    found = browser.get(f"/staff/topics/{topic.id}?article=bridge+opens").text
    assert f"/publish/{story.id}" in found
    assert f"/publish/{story.id}" not in browser.get(f"/staff/topics/{topic.id}?article=zzz").text
    assert browser.post(f"/staff/topics/{topic.id}/publish/{story.id}").status_code == 303
    assert again(session, topic).state == "published"
    assert again(session, topic).article_id == story.id


def test_an_article_answers_one_topic(session: Session, browser: FlaskClient) -> None:
    """[V10] The topic it answers already would lose its way from the article back to the vote."""
    story = factories.article(
        session, title="The bridge opens", asked_topic_slug="bridge", asked_topic_title="Bridge?"
    )
    topic = in_state(session, "assigned")
    where = f"/staff/topics/{topic.id}"
    assert f"/publish/{story.id}" not in browser.get(f"{where}?article=bridge+opens").text
    refused = browser.post(f"{where}/publish/{story.id}")
    assert refused.status_code == 409
    assert "answers another topic already" in refused.text
    assert again(session, topic).state == "assigned"
    session.refresh(story)
    assert (story.asked_topic_slug, story.asked_topic_title) == ("bridge", "Bridge?")


def test_overruling_the_vote_needs_a_reason(session: Session, browser: FlaskClient) -> None:
    """[V12]"""
    reporter = factories.staff(session, "reporter")
    topic = in_state(session, "not_selected")
    where, data = f"/staff/topics/{topic.id}/assign", {"reporter": reporter.id}
    refused = browser.post(where, data=data)
    assert refused.status_code == 409
    assert "a reason that readers will see" in refused.text
    assert browser.post(where, data=data | {"reason": "It could not wait."}).status_code == 303
    assert again(session, topic).public_reason == "It could not wait."


@pytest.mark.parametrize("role", ["finance", "admin"])
def test_a_story_goes_to_whoever_writes(session: Session, browser: FlaskClient, role: str) -> None:
    other = factories.staff(session, role)
    topic = in_state(session, "selected")
    refused = browser.post(f"/staff/topics/{topic.id}/assign", data={"reporter": other.id})
    assert refused.status_code == 422
    assert again(session, topic).state == "selected"


def test_dropping_a_story_says_why(session: Session, browser: FlaskClient, editor: Account) -> None:
    topic = in_state(session, "assigned", assigned_to_id=editor.id)
    assert browser.post(f"/staff/topics/{topic.id}/drop").status_code == 422
    browser.post(f"/staff/topics/{topic.id}/drop", data={"reason": "There was nothing to it."})
    assert again(session, topic).state == "dropped"


def test_a_step_that_is_not_possible_changes_nothing(
    session: Session, browser: FlaskClient
) -> None:
    topic = in_state(session, "on_ballot")
    refused = browser.post(f"/staff/topics/{topic.id}/reject", data={"reason": "No."})
    assert refused.status_code == 409
    assert "moved on" in refused.text
    assert again(session, topic).state == "on_ballot"


def test_editors_do_not_learn_who_suggested(
    session: Session, browser: FlaskClient, signed_in: SignedIn
) -> None:
    """[S10] Who suggests gives."""
    topic = suggested(session)
    suggester = session.get_one(Account, topic.suggested_by_id)
    assert suggester.email not in browser.get(f"/staff/topics/{topic.id}").text
    admin = signed_in(session, factories.staff(session, "admin"))
    assert suggester.email in admin.get(f"/staff/topics/{topic.id}").text
