"""The board: all topics by how far they have come, for whoever writes or edits."""

import re
from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.staff.topics import board
from membership.voting import paper, rounds
from membership.voting.models import TopicSupport
from tests import factories
from tests.articles.reading import counted
from tests.conftest import SignedIn
from tests.factories import NOON

DAY = timedelta(days=1)


def columns(page: str) -> dict[str, str]:
    """The text of each column by its view."""
    found = re.findall(r'id="column-(\w+)">(.*?)</section>', page, re.S)
    return {view: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)) for view, text in found}


def shown(browser: FlaskClient, query: str = "") -> dict[str, str]:
    return columns(browser.get(f"/staff/topics/board{query}").text)


def test_topics_stand_by_their_state(
    session: Session, browser: FlaskClient, reporter: Account
) -> None:
    story = factories.article(session)
    lately, long_ago = clock.now() - board.LATELY / 2, clock.now() - board.LATELY * 2
    for title, values in {
        "Unread": {},
        "Read": {"approved_at": NOON},
        "Voted on": {"state": "on_ballot"},
        "Won": {"state": "selected"},
        "Lost": {"state": "not_selected"},
        "Written": {"state": "assigned", "assigned_to_id": reporter.id},
        "Out": {"state": "published", "article_id": story.id, "published_at": lately},
        "Out long ago": {"state": "published", "article_id": story.id, "published_at": long_ago},
        "Given up": {"state": "dropped", "public_reason": "So."},
        "Declined": {"state": "rejected", "public_reason": "So."},
    }.items():
        factories.topic(session, title=f"“{title}”", **values)
    found = shown(browser)
    assert {view: re.findall("“(.*?)”", text) for view, text in found.items()} == {
        "unread": ["Unread"],
        "approved": ["Read"],
        "on_ballot": ["Voted on"],
        "selected": ["Won"],
        "assigned": ["Written"],
        "published": ["Out"],
        "not_selected": ["Lost"],
        "dropped": ["Given up"],
    }
    assert "Daryna" in found["assigned"]


def test_what_is_due_first_stands_first_and_overdue_is_said(
    session: Session, browser: FlaskClient, reporter: Account
) -> None:
    today = clock.newsroom_day()
    for title, due_on in (("“No day”", None), ("“Soon”", today + DAY), ("“Late”", today - DAY)):
        given = {"assigned_to_id": reporter.id, "due_on": due_on}
        factories.topic(session, title=title, state="assigned", **given)
    written = shown(browser)["assigned"]
    assert re.findall("“(.*?)”", written) == ["Late", "Soon", "No day"]
    assert written.index("overdue since") < written.index("Soon")
    assert written.count("overdue") == 1
    assert written.count("due on") == 1


def test_nothing_is_told_of_what_is_voted_on(session: Session, browser: FlaskClient) -> None:
    """[V4] [V13] Neither votes nor support, and no order that follows from them."""
    held = factories.round_(session)
    _first, second, third = paper.options(session, held.id)
    before = shown(browser)
    rounds.cast(session, held.id, factories.patron(session).id, [second.id])
    readers = [factories.account(session).id for _ in range(9)]
    session.execute(
        insert(TopicSupport), [{"topic_id": third.id, "account_id": reader} for reader in readers]
    )
    session.flush()
    assert shown(browser) == before
    assert "supporter" not in before["on_ballot"]


def test_reporters_find_what_is_given_to_them(
    session: Session, signed_in: SignedIn, reporter: Account
) -> None:
    """[S8] They read the board; what an editor does is not there."""
    other = factories.staff(session, "reporter")
    given = factories.topic(session, state="assigned", assigned_to_id=reporter.id)
    others = factories.topic(session, state="assigned", assigned_to_id=other.id)
    waiting = factories.topic(session)
    browser = signed_in(session, reporter)
    page = browser.get("/staff/topics/board").text
    assert all(topic.title in page for topic in (given, others, waiting))
    assert 'aria-current="page">Board' in page
    assert 'href="/staff/topics"' not in page
    mine = shown(browser, "?mine=1")
    assert set(mine) == {"assigned", "published", "dropped"}
    assert given.title in mine["assigned"]
    assert others.title not in mine["assigned"]


def test_a_long_column_is_cut_and_leads_to_all(
    session: Session, browser: FlaskClient, signed_in: SignedIn, reporter: Account
) -> None:
    for _ in range(board.MOST + 1):
        factories.topic(session, title="A topic that waits")
    page = browser.get("/staff/topics/board").text
    assert page.count("A topic that waits") == board.MOST
    assert 'href="/staff/topics?state=unread">All of them' in page
    page = signed_in(session, reporter).get("/staff/topics/board").text
    assert "and more" in page
    assert "All of them" not in page


def test_a_full_board_asks_no_more_often(
    session: Session, browser: FlaskClient, engine: Engine, reporter: Account
) -> None:
    """[L13]"""
    factories.topic(session, state="assigned", assigned_to_id=reporter.id)
    factories.topic(session)
    browser.get("/staff/topics/board")
    with counted(engine) as few:
        browser.get("/staff/topics/board")
    for _ in range(board.MOST):
        writer = factories.staff(session, "reporter")
        factories.topic(session, state="assigned", assigned_to_id=writer.id)
        factories.topic(session)
    with counted(engine) as many:
        browser.get("/staff/topics/board")
    assert len(many) == len(few) > 0
