"""Moderation and rounds: from a suggestion to a published story, and what editors may not see."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.voting import rounds, suggestions
from membership.voting.models import Round, Topic
from tests import factories

SignedIn = Callable[[Session, Account], FlaskClient]
HOUR = timedelta(hours=1)
KYIV = ZoneInfo("Europe/Kyiv")


@pytest.fixture
def editor(session: Session) -> Account:
    return factories.staff(session, "editor", name="Hanna")


@pytest.fixture
def browser(session: Session, signed_in: SignedIn, editor: Account) -> FlaskClient:
    return signed_in(session, editor)


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


def local(at: datetime) -> str:
    return at.astimezone(KYIV).strftime("%Y-%m-%dT%H:%M")


def asked(session: Session, **values: object) -> dict[str, object]:
    topics = [suggested(session, "The bridge").id, suggested(session, "The river").id]
    closes_at = clock.now() + 24 * HOUR
    return {
        "title": "What next?",
        "topics": topics,
        "opens_now": "y",
        "closes_at": local(closes_at),
        "max_choices": 2,
        "seats": 1,
        "quorum": 1,
    } | values


def test_a_round_opens_at_once_and_closes_by_the_newsrooms_clock(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    """[V11]"""
    data = asked(session)
    assert browser.post("/staff/rounds/new", data=data).status_code == 303
    held = session.scalars(select(Round)).one()
    assert rounds.phase(session, held) == "open"
    assert local(held.closes_at) == data["closes_at"]
    assert set(session.scalars(select(Topic.state))) == {"on_ballot"}
    assert "round.created" in actions(session, editor)


def test_a_round_may_open_later(session: Session, browser: FlaskClient) -> None:
    later = local(clock.now() + 2 * HOUR)
    browser.post("/staff/rounds/new", data=asked(session, opens_now="", opens_at=later))
    held = session.scalars(select(Round)).one()
    assert (held.state, local(held.opens_at)) == ("draft", later)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"title": ""}, "A round needs a title."),
        ({"topics": []}, "Choose at least two topics."),
        ({"closes_at": ""}, "Say when the round closes."),
        ({"closes_at": "2020-01-01T10:00"}, "cannot close in the past"),
        ({"opens_now": ""}, "Say when the round opens"),
        ({"seats": 2}, "fewer win than stand"),
        ({"max_choices": 0}, "From 1 to 20."),
        ({"quorum": "many"}, "Not a valid integer value"),
    ],
)
def test_a_wrong_round_is_said_beside_what_was_typed(
    session: Session, browser: FlaskClient, wrong: dict[str, object], sentence: str
) -> None:
    answer = browser.post("/staff/rounds/new", data=asked(session, **wrong))
    assert answer.status_code == 422
    assert sentence in answer.text
    if "title" not in wrong:
        assert 'value="What next?"' in answer.text
    assert session.scalar(select(Round)) is None


def shown(browser: FlaskClient, page: str) -> str:
    """The page without the tokens of its forms, which tell the second they were made in."""
    return re.sub(r'name="csrf_token" value="[^"]*"', "", browser.get(page).text)


def test_nothing_tells_about_an_open_round(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    """[V4] [V13] [L20]"""
    browser.post("/staff/rounds/new", data=asked(session))
    held = session.scalars(select(Round)).one()
    pages = [
        "/staff/",
        "/staff/rounds",
        f"/staff/rounds/{held.id}",
        "/staff/topics?state=on_ballot",
    ]
    pages += [f"/staff/topics/{topic.id}" for topic in session.scalars(select(Topic))]
    before = [shown(browser, page) for page in pages]
    topic_id = session.scalars(select(Topic.id)).first()
    rounds.cast(session, held.id, factories.patron(session).id, [topic_id])
    session.flush()
    assert [shown(browser, page) for page in pages[1:]] == before[1:]


def test_turnout_and_result_stand_there_after_the_close(
    session: Session, browser: FlaskClient
) -> None:
    browser.post("/staff/rounds/new", data=asked(session))
    held = session.scalars(select(Round)).one()
    winner = session.scalars(select(Topic)).first()
    for _ in range(12):
        rounds.cast(session, held.id, factories.patron(session).id, [winner.id])
    assert "known after the close" in browser.get(f"/staff/rounds/{held.id}").text
    held.opens_at, held.closes_at = clock.now() - 2 * HOUR, clock.now() - HOUR
    session.flush()
    rounds.advance(session, held.id)
    rounds.advance(session, held.id)
    session.flush()
    page = browser.get(f"/staff/rounds/{held.id}").text
    assert "known after the close" not in page
    assert '<td class="number">12</td>' in page
    assert winner.title in page
