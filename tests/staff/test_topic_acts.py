"""What editors do on a topic's page: words with their history, writers and days, refusals."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.voting import moderation, topics
from membership.voting.models import Round, Tally, Topic, TopicEdit
from tests import factories
from tests.conftest import SignedIn

DAY = timedelta(days=1)
WORDS = {
    "title": "Why is the old bridge closed?",
    "why": "It has been shut since May.",
    "links": "https://example.org/bridge\n\nhttp://example.org/plan",
}
CHANGED = "This topic has changed since you opened the page."


def page_of(browser: FlaskClient, topic: Topic) -> str:
    return browser.get(f"/staff/topics/{topic.id}").text


def test_an_edit_shows_what_was_said_before_and_after(
    session: Session, browser: FlaskClient
) -> None:
    topic = factories.topic(session, title="BRIDGE?!", why="Because.")
    assert browser.post(f"/staff/topics/{topic.id}/edit", data=WORDS).status_code == 303
    second = WORDS | {"title": "Why is the bridge closed?"}
    assert browser.post(f"/staff/topics/{topic.id}/edit", data=second).status_code == 303
    session.refresh(topic)
    assert topic.title == "Why is the bridge closed?"
    assert topic.links == ["https://example.org/bridge", "http://example.org/plan"]
    page = page_of(browser, topic)
    said = re.findall(r"<(del|ins)>(.*?)</(?:del|ins)>", page, re.S)
    assert [("del", "BRIDGE?!"), ("ins", WORDS["title"])] == said[:2]
    assert [("del", WORDS["title"]), ("ins", "Why is the bridge closed?")] == said[-2:]
    assert page.count("Words edited") == 2
    assert page.count("Hanna") >= 2


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"title": ""}, "Say in a few words what it is about."),
        ({"title": "x" * 121}, "between 10 and 120 characters"),
        ({"why": "x" * 1001}, "between 10 and 1,000 characters"),
        ({"links": "javascript:alert(1)"}, "is no address of a page"),
    ],
)
def test_words_no_reader_could_suggest_are_refused(
    session: Session, browser: FlaskClient, wrong: dict[str, str], sentence: str
) -> None:
    topic = factories.topic(session)
    answer = browser.post(f"/staff/topics/{topic.id}/edit", data=WORDS | wrong)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "It has been shut since May." in answer.text or "why" in wrong, "what was typed stays"
    assert session.scalar(select(TopicEdit)) is None


def test_the_same_words_say_so(session: Session, browser: FlaskClient) -> None:
    topic = factories.topic(session, title=WORDS["title"], why=WORDS["why"])
    data = WORDS | {"links": ""}
    answer = browser.post(f"/staff/topics/{topic.id}/edit", data=data, follow_redirects=True)
    assert "These are the words it has already." in answer.text


def test_words_on_a_ballot_stay(session: Session, browser: FlaskClient) -> None:
    """[V6] Voters find what they read, and the page says so."""
    topic = factories.topic(session, title="What voters read", state="on_ballot")
    assert "voters must find what they read" in page_of(browser, topic)
    assert "/edit" not in page_of(browser, topic)
    answer = browser.post(f"/staff/topics/{topic.id}/edit", data=WORDS)
    assert answer.status_code == 409
    assert "voters must find what they read" in answer.text
    session.refresh(topic)
    assert topic.title == "What voters read"


@pytest.mark.parametrize(
    ("act", "data"),
    [
        ("approve", {}),
        ("reject", {"reason": "No."}),
        ("merge", {"original": "another"}),
        ("edit", WORDS),
    ],
)
def test_who_has_not_seen_a_topic_as_it_is_decides_nothing(
    session: Session, browser: FlaskClient, editor: Account, act: str, data: dict[str, str]
) -> None:
    factories.topic(session, slug="another")
    topic = factories.topic(session)
    seen = moderation.fingerprint(topic)
    moderation.edit(session, topic, editor, title="Other", why="Other words.", links=[])
    before = moderation.fingerprint(topic)
    refused = browser.post(f"/staff/topics/{topic.id}/{act}", data=data | {"seen": seen})
    assert refused.status_code == 409
    assert CHANGED in refused.text
    session.refresh(topic)
    assert moderation.fingerprint(topic) == before
    done = browser.post(f"/staff/topics/{topic.id}/{act}", data=data | {"seen": before})
    assert done.status_code == 303


def test_every_form_says_what_was_seen(session: Session, browser: FlaskClient) -> None:
    factories.article(session)
    factories.topic(session, title="Why is the bridge closed now?")
    for state in ("suggested", "selected", "not_selected", "assigned"):
        topic = factories.topic(session, title="Why is the bridge closed?", state=state)
        page = page_of(browser, topic)
        seen = f'name="seen" value="{moderation.fingerprint(topic)}"'
        forms = re.findall(r'<form[^>]*method="post"[^>]*/staff/.*?</form>', page, re.S)
        assert forms
        assert all(seen in form for form in forms)


def test_a_story_has_a_writer_and_a_day(
    session: Session, browser: FlaskClient, reporter: Account, editor: Account
) -> None:
    topic = factories.topic(session, state="selected")
    day = clock.newsroom_day() + 9 * DAY
    data = {"reporter": reporter.id, "due_on": day.isoformat()}
    assert browser.post(f"/staff/topics/{topic.id}/assign", data=data).status_code == 303
    session.refresh(topic)
    assert (topic.state, topic.assigned_to_id, topic.due_on) == ("assigned", reporter.id, day)
    page = page_of(browser, topic)
    assert re.search(rf"<dt>Due</dt>\s*<dd>\s*{day.day} ", page)
    assert "Being written" in page
    assert "We are on it" not in page
    later = {"reporter": editor.id, "due_on": (day + DAY).isoformat()}
    assert browser.post(f"/staff/topics/{topic.id}/reassign", data=later).status_code == 303
    session.refresh(topic)
    assert (topic.state, topic.assigned_to_id, topic.due_on) == ("assigned", editor.id, day + DAY)
    assert "Given to another, or another day" in page_of(browser, topic)


@pytest.mark.parametrize("typed", ["yesterday", "2026-13-40", "past"])
def test_a_story_is_due_on_a_day_to_come(
    session: Session, browser: FlaskClient, reporter: Account, typed: str
) -> None:
    topic = factories.topic(session, state="selected")
    past = (clock.newsroom_day() - DAY).isoformat()
    data = {"reporter": reporter.id, "due_on": past if typed == "past" else typed}
    assert browser.post(f"/staff/topics/{topic.id}/assign", data=data).status_code == 422
    session.refresh(topic)
    assert topic.state == "selected"


def test_overdue_is_said_until_the_story_is_out(
    session: Session, browser: FlaskClient, reporter: Account
) -> None:
    due = {"due_on": clock.newsroom_day() - DAY, "assigned_to_id": reporter.id}
    topic = factories.topic(session, state="assigned", **due)
    story = factories.article(session)
    assert "overdue since" in page_of(browser, topic)
    assert "overdue since" in browser.get("/staff/topics?state=assigned").text
    topics.publish(session, topic, story, reporter)
    session.flush()
    assert "<dt>Due</dt>" not in page_of(browser, topic)
    assert "overdue" not in page_of(browser, topic)
    assert "–</td>" in browser.get("/staff/topics?state=published").text


def test_today_is_not_overdue(session: Session, browser: FlaskClient, reporter: Account) -> None:
    due = {"due_on": clock.newsroom_day(), "assigned_to_id": reporter.id}
    assert "overdue" not in page_of(browser, factories.topic(session, state="assigned", **due))


def test_an_overruled_vote_keeps_its_tally(
    session: Session, browser: FlaskClient, editor: Account, reporter: Account
) -> None:
    """[V12] With a public reason and an audit row; the result stays as it was."""
    won = factories.topic(session, state="selected")
    lost = factories.topic(session, state="not_selected")
    held = factories.round_(session, [won, lost], state="settled", settled_at=clock.now())
    result = {"outcome": "decided", "votes": {str(won.id): 3}, "winners": [won.id], "trace": []}
    values = {"method": "approval", "version": 1, "ballots": 3, "digest": "d"}
    session.add(Tally(round_id=held.id, result=result, **values))
    session.flush()
    where, data = f"/staff/topics/{lost.id}/assign", {"reporter": reporter.id}
    refused = browser.post(where, data=data | {"reason": " "})
    assert refused.status_code == 409
    assert "a reason that readers will see" in refused.text
    assert browser.post(where, data=data | {"reason": "It cannot wait."}).status_code == 303
    session.refresh(lost)
    assert (lost.state, lost.public_reason) == ("assigned", "It cannot wait.")
    assert session.get_one(Tally, held.id, populate_existing=True).result == result
    assert session.get_one(Round, held.id, populate_existing=True).state == "settled"
    entry = session.scalars(
        select(AuditEntry).where(AuditEntry.subject == f"topic:{lost.id}")
    ).one()
    assert (entry.action, entry.actor_id) == ("topic.assigned", editor.id)
    assert entry.detail["from"] == "not_selected"
    assert "Public reason: It cannot wait." in page_of(browser, lost)


def test_every_reason_stays_in_the_history(
    session: Session, browser: FlaskClient, reporter: Account
) -> None:
    topic = factories.topic(session, state="not_selected")
    data = {"reporter": reporter.id, "reason": "It cannot wait."}
    browser.post(f"/staff/topics/{topic.id}/assign", data=data)
    browser.post(f"/staff/topics/{topic.id}/drop", data={"reason": "There was nothing to it."})
    page = page_of(browser, topic)
    assert "Public reason: It cannot wait." in page
    assert "Public reason: There was nothing to it." in page


ACTS = ("approve", "edit", "reject", "drop", "merge", "assign", "reassign", "publish/1")


@pytest.mark.parametrize("act", ACTS)
def test_a_topic_that_is_not_there(browser: FlaskClient, act: str) -> None:
    assert browser.post(f"/staff/topics/{10**6}/{act}").status_code == 404


@pytest.mark.parametrize("state", ["on_ballot", "published", "dropped"])
@pytest.mark.parametrize("act", ["approve", "reject", "drop", "merge", "assign", "reassign"])
def test_what_cannot_be_done_is_said_and_changes_nothing(
    session: Session,
    browser: FlaskClient,
    reporter: Account,
    act: str,
    state: str,
) -> None:
    """[V10]"""
    needed = {"article_id": factories.article(session).id, "public_reason": "So."}
    topic = factories.topic(session, state=state, **needed)
    original = factories.topic(session)
    data = {"reason": "No.", "original": original.slug, "reporter": reporter.id}
    answer = browser.post(f"/staff/topics/{topic.id}/{act}", data=data)
    assert answer.status_code == 409
    assert "Meanwhile the topic has moved on" in answer.text
    session.refresh(topic)
    assert (topic.state, topic.public_reason) == (state, "So.")


def test_reporters_read_a_topic_and_act_on_nothing(
    session: Session, signed_in: SignedIn, reporter: Account
) -> None:
    """[S8] [S10]"""
    suggester = factories.patron(session, name="Marta the giver")
    topic = factories.topic(session, suggested_by_id=suggester.id)
    browser = signed_in(session, reporter)
    page = page_of(browser, topic)
    assert topic.title in page
    assert re.findall(r'method="post" action="(/staff[^"]*)"', page) == []
    assert "Marta the giver" not in page
    for act in ACTS:
        assert browser.post(f"/staff/topics/{topic.id}/{act}").status_code == 403
    assert browser.post("/staff/topics/approve").status_code == 403
