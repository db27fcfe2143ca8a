"""The queue of suggestions: read the oldest first, approve, decline, merge, or find any topic."""

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from membership.accounts.models import Account, AuditEntry
from membership.staff.topics.topics import PAGE, VIEWS
from membership.voting import moderation
from membership.voting.models import Topic, TopicSupport
from tests import factories
from tests.articles.reading import counted
from tests.factories import NOON


def titles(page: str) -> list[str]:
    """Of the topics in the queue, as they stand there."""
    return re.findall(r'class="queued-title" id="topic-\d+"><a href="[^"]*">([^<]*)<', page)


def ticked(topic: Topic) -> str:
    return f"{topic.id}-{moderation.fingerprint(topic)}"


def approve(browser: FlaskClient, *ticks: str) -> TestResponse:
    return browser.post("/staff/topics/approve", data={"topic": list(ticks)}, follow_redirects=True)


def walk(browser: FlaskClient, address: str, rel: str) -> list[list[str]]:
    """The topics of each page from `address` on, by its links `rel`."""
    pages = []
    while address:
        page = browser.get(address).text
        pages.append(re.findall(r"<(?:h2|th)[^>]*><a href=\"/staff/topics/(\d+)\"", page))
        found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
        address = found[1].replace("&amp;", "&") if found else ""
    return pages


def test_unread_suggestions_come_first_the_oldest_on_top(
    session: Session, browser: FlaskClient
) -> None:
    factories.topic(session, title="Read before", approved_at=NOON)
    for title in ("First", "Second", "Third"):
        factories.topic(session, title=title)
    factories.topic(session, title="Voted on", state="on_ballot")
    assert titles(browser.get("/staff/topics").text) == ["First", "Second", "Third"]
    assert titles(browser.get("/staff/topics?state=approved").text) == ["Read before"]


def test_the_queue_has_no_end_that_cannot_be_reached(
    session: Session, browser: FlaskClient
) -> None:
    number = 2 * PAGE + 3
    ids = [str(factories.topic(session, title=f"{each}?").id) for each in range(number)]
    onward = walk(browser, "/staff/topics", "prev")
    assert onward == [ids[:PAGE], ids[PAGE : 2 * PAGE], ids[2 * PAGE :]]
    back = walk(browser, f"/staff/topics?state=unread&before={ids[2 * PAGE]}", "next")
    assert back == [ids[PAGE : 2 * PAGE], ids[:PAGE]]
    for topic in session.scalars(select(Topic)):
        topic.state = "on_ballot"
    session.flush()
    newest_first = walk(browser, "/staff/topics?state=on_ballot", "next")
    assert [topic for page in newest_first for topic in page] == ids[::-1]


@pytest.mark.parametrize("view", VIEWS)
def test_every_list_says_what_stands_there(browser: FlaskClient, view: str) -> None:
    assert 'class="empty"' in browser.get(f"/staff/topics?state={view}").text


@pytest.mark.parametrize("asked", ["state=nothing", "before=x", "after=-1", "state=all&before="])
def test_an_odd_address_shows_a_list(session: Session, browser: FlaskClient, asked: str) -> None:
    topic = factories.topic(session)
    page = browser.get(f"/staff/topics?{asked}")
    assert page.status_code == 200
    assert topic.title in page.text


def test_no_row_has_a_number_beyond_all_numbers(browser: FlaskClient) -> None:
    assert browser.get(f"/staff/topics?before={10**30}").status_code == 400
    assert browser.get(f"/staff/topics/{10**30}").status_code == 400
    assert browser.get("/staff/topics?q=%00").status_code == 400


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("BRIDGE", ["The old bridge"]),
        ("a hundred", ["The river"]),
        ("100%", ["The pool"]),
        ("http://localhost/uk/topics/the-river/", ["The river"]),
        ("_", []),
        ("nothing such", []),
    ],
)
def test_suggestions_are_found_by_words_and_address(
    session: Session, browser: FlaskClient, words: str, found: list[str]
) -> None:
    factories.topic(session, title="The old bridge")
    factories.topic(session, title="The river", why="A hundred swim in it.", slug="the-river")
    factories.topic(session, title="The pool", why="It is 100% shut.")
    factories.topic(session, title="A bridge that was read", approved_at=NOON)
    page = browser.get("/staff/topics", query_string={"q": words}).text
    assert titles(page) == found
    assert ("Nothing matches" in page) == (not found)


def test_support_is_told_of_what_waits_alone(session: Session, browser: FlaskClient) -> None:
    """[V13]"""
    for state in ("suggested", "on_ballot"):
        topic = factories.topic(session, state=state)
        supporters = [factories.account(session).id for _ in range(17)]
        session.execute(
            insert(TopicSupport), [{"topic_id": topic.id, "account_id": id_} for id_ in supporters]
        )
    assert "17 supporters" in browser.get("/staff/topics").text
    for page in ("?state=on_ballot", "?state=all", "/board", f"/{topic.id}"):
        told = browser.get(f"/staff/topics{page}").text.count("17 supporters")
        assert told == (1 if page == "/board" else 0)


def test_approving_returns_to_the_queue(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    topic = factories.topic(session)
    data = {"seen": moderation.fingerprint(topic), "queue": "unread"}
    done = browser.post(f"/staff/topics/{topic.id}/approve", data=data)
    assert (done.status_code, done.location) == (303, "/staff/topics?state=unread")
    session.refresh(topic)
    assert topic.approved_at is not None
    entry = session.scalars(select(AuditEntry).where(AuditEntry.actor_id == editor.id)).one()
    assert (entry.action, entry.subject) == ("topic.approved", f"topic:{topic.id}")


def test_what_is_ticked_is_approved_in_one_go(session: Session, browser: FlaskClient) -> None:
    first, second, third = (factories.topic(session) for _ in range(3))
    page = browser.get("/staff/topics").text
    assert all(f'value="{ticked(topic)}"' in page for topic in (first, second, third))
    page = approve(browser, ticked(second), ticked(first), ticked(first)).text
    assert "2 suggestions have been approved." in page
    for topic in (first, second, third):
        session.refresh(topic)
    assert first.approved_at is not None
    assert second.approved_at is not None
    assert third.approved_at is None


def test_what_has_changed_since_it_was_read_is_left(
    session: Session, browser: FlaskClient, editor: Account
) -> None:
    edited, declined, read = (factories.topic(session) for _ in range(3))
    ticks = [ticked(edited), ticked(declined), ticked(read)]
    moderation.edit(session, edited, editor, title="Another", why="Other words.", links=[])
    declined.state, declined.public_reason = "rejected", "No."
    session.flush()
    page = approve(browser, *ticks).text
    assert "1 suggestion has been approved." in page
    assert "2 have changed since you read them" in page
    session.refresh(edited)
    assert edited.approved_at is None


@pytest.mark.parametrize("tick", ["", "x", "1", "-1-ab", "9" * 5000 + "-ab", "1-<b>", "٣-ab"])
def test_odd_ticks_do_nothing(session: Session, browser: FlaskClient, tick: str) -> None:
    topic = factories.topic(session)
    assert "Tick what you have read" in approve(browser, tick).text
    session.refresh(topic)
    assert topic.approved_at is None


def test_a_look_alike_takes_a_suggestion_in_by_one_click(
    session: Session, browser: FlaskClient
) -> None:
    old = factories.topic(session, title="Why is the old bridge closed?", approved_at=NOON)
    new = factories.topic(session, title="Why is the old bridge still closed?")
    page = browser.get("/staff/topics").text
    assert "Looks like" in page
    fields = dict(re.findall(r'name="(original|seen|queue)" value="([^"]*)"', page))
    assert fields == {
        "original": old.slug,
        "seen": moderation.fingerprint(new),
        "queue": "unread",
    }
    assert browser.post(f"/staff/topics/{new.id}/merge", data=fields).status_code == 303
    session.refresh(new)
    assert (new.state, new.merged_into_id) == ("merged", old.id)


def test_what_readers_type_stays_text(session: Session, browser: FlaskClient) -> None:
    """[S7] Also what came into the row some other way."""
    evil = "<script>alert(1)</script>"
    topic = factories.topic(
        session, title=evil, why=evil, links=["javascript:alert(1)", f'https://example.org/"{evil}']
    )
    factories.topic(session, title=evil)
    for page in ("", "?state=all", "/board", f"/{topic.id}"):
        text = browser.get(f"/staff/topics{page}").text
        assert evil not in text
        assert 'href="javascript:' not in text
    assert "&lt;script&gt;" in browser.get("/staff/topics", query_string={"q": evil}).text


def test_a_queue_of_many_asks_no_more_often(
    session: Session, browser: FlaskClient, engine: Engine
) -> None:
    """[L13]"""
    factories.topic(session, title="Why is bridge 1 closed?")
    with counted(engine) as few:
        browser.get("/staff/topics")
    for number in range(2, PAGE):
        factories.topic(session, title=f"Why is bridge {number} closed?")
    with counted(engine) as many:
        browser.get("/staff/topics")
    assert len(many) == len(few) > 0
