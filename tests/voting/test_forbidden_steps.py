"""[V10] [V11] [V12] Every step that the rules do not know is refused on every page that takes it.

409 with a sentence, and not one row is another one. The table of steps is written from the rules.
"""

import html
import re
from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.voting import paper, rounds
from membership.voting.models import ROUND_STATES, TOPIC_STATES, Round, Topic
from tests import factories
from tests.conftest import SignedIn
from tests.voting.crawl import FORMS

ALL = frozenset(TOPIC_STATES)
# Of an editor: in which states of a topic each step is known.
STAFF_STEPS: Mapping[str, frozenset[str]] = {
    "approve": frozenset({"suggested"}),
    "reject": frozenset({"suggested"}),
    "merge": frozenset({"suggested"}),
    # Voters find what they read: from the ballot on, the words stand.
    "edit": frozenset({"suggested", "rejected", "merged"}),
    "assign": frozenset({"selected", "not_selected"}),
    "reassign": frozenset({"assigned"}),
    "drop": frozenset({"assigned"}),
    "publish": frozenset({"assigned"}),
}
# Of a patron.
READER_STEPS: Mapping[str, frozenset[str]] = {
    "support": frozenset({"suggested"}),
    "unsupport": frozenset({"suggested"}),
    # What is over has no news.
    "follow": ALL - {"rejected", "merged", "published", "dropped"},
    "unfollow": ALL,
}
# What is done to a round, and in which of its states.
ROUND_STEPS: Mapping[str, frozenset[str]] = {
    "edit": frozenset({"draft"}),
    "cancel": frozenset({"draft"}),
    "settle": frozenset({"closed"}),
    "overrule": frozenset({"settled", "void"}),
    "cast": frozenset({"open"}),
    "withdraw": frozenset({"open"}),
}
# They make something new, change what no topic's or round's state depends on, or answer topic by
# topic what could be done.
OTHER_FORMS = {
    "staff.new_round", "staff.new_series", "staff.edit_series", "staff.switch_series",
    "staff.approve_ticked", "voting.suggest",
}  # fmt: skip
TABLES = (
    "topic", "topic_change", "topic_edit", "topic_support", "topic_follow", "round", "round_option",
    "ballot", "tally", "turnout", "article", "audit_entry", "outbox_email",
)  # fmt: skip


def rows(session: Session) -> dict[str, Any]:
    """All there is of the vote, as the database has it."""
    session.flush()
    asked = "SELECT json_agg(row ORDER BY row::text)::text FROM {} AS row"
    return {table: session.scalar(text(asked.format(f'"{table}"'))) for table in TABLES}


def said(answer: Any) -> set[str]:
    """The sentences of a page."""
    words = html.unescape(re.sub(r"<[^>]+>", "\n", answer.get_data(as_text=True)))
    return {line.strip() for line in words.split("\n") if line.strip().endswith(".")}


def a_topic(session: Session, state: str) -> Topic:
    """A topic that came to `state` as topics do."""
    extra: dict[str, Any] = {}
    if state == "merged":
        extra["merged_into_id"] = factories.topic(session).id
    if state == "published":
        extra["article_id"] = factories.article(session).id
    if state in ("rejected", "dropped"):
        extra["public_reason"] = "It names a private person."
    found = factories.topic(session, state=state, **extra)
    if state not in ("suggested", "rejected", "merged"):
        held = {"on_ballot": "open"}.get(state, "settled")
        other = factories.topic(session, state="on_ballot" if held == "open" else "not_selected")
        factories.round_(session, [found, other], state=held)
    return found


def send(session: Session, browser: FlaskClient, step: str, topic: Topic) -> Any:
    """What the page answers to a form that lacks nothing."""
    reporter = factories.staff(session, role="reporter")
    fields = {
        "title": "Other words for it",
        "why": "Because it matters more than we thought.",
        "reason": "Readers asked for it more than once.",
        "original": factories.topic(session).slug,
        "reporter": reporter.id,
    }
    path = f"/staff/topics/{topic.id}/{step}"
    if step == "publish":
        path += f"/{factories.article(session).id}"
    if step in READER_STEPS:
        path = f"/topics/{topic.slug}/{step}"
    before = rows(session)
    answer = browser.post(path, data=fields)
    session.expire_all()
    return answer, before == rows(session)


@pytest.mark.parametrize("state", TOPIC_STATES)
@pytest.mark.parametrize("step", [*STAFF_STEPS, *READER_STEPS])
def test_a_topic_takes_no_step_that_it_may_not(
    session: Session, signed_in: SignedIn, step: str, state: str
) -> None:
    """[V10] Each step in each state: 303 where the rules know it, and otherwise nothing."""
    allowed = (STAFF_STEPS | READER_STEPS)[step]
    browser = signed_in(session, factories.patron(session, role="editor"))
    topic = a_topic(session, state)
    page = f"/topics/{topic.slug}" if step in READER_STEPS else f"/staff/topics/{topic.id}"
    seen = said(browser.get(page))
    answer, unchanged = send(session, browser, step, topic)
    if state in allowed:
        assert answer.status_code == 303
        return
    assert answer.status_code == 409
    assert said(answer) - seen
    assert unchanged


def a_round(session: Session, state: str, voter: Account) -> Round:
    """A round in `state` in whose vote `voter` took part, as far as it could be voted in."""
    held = factories.round_(session, state="draft" if state == "draft" else "open")
    if state == "draft":
        held.opens_at = rounds.database_now(session) + (held.closes_at - held.opens_at) / 4
        session.flush()
        return held
    rounds.cast(session, held.id, voter.id, [paper.options(session, held.id)[0].id])
    held.quorum = 2 if state == "void" else 1
    if state != "open":
        held.closes_at = rounds.database_now(session)
        session.flush()
        assert rounds.advance(session, held.id) == "closed"
    if state in ("settled", "void"):
        assert rounds.advance(session, held.id) == state
    return held


@pytest.mark.parametrize("state", ROUND_STATES)
@pytest.mark.parametrize("step", ROUND_STEPS)
def test_a_round_takes_no_step_that_it_may_not(
    session: Session, signed_in: SignedIn, step: str, state: str
) -> None:
    """[V1] [V7] [V11] [V12] Each step in each state: its rules and votes stand once they stand."""
    editor = factories.patron(session, role="editor")
    browser = signed_in(session, editor)
    held = a_round(session, state, editor)
    topics = [topic.id for topic in paper.options(session, held.id)]
    fields = {
        "title": "Another title", "topics": topics, "method": "approval", "max_choices": 1,
        "seats": 1, "quorum": 1, "quorum_rule": "void", "tie_rule": "lot", "act": "create",
        "opens_now": "y", "closes_at": "2034-01-01T12:00", "topic": topics[-1],
        "reporter": editor.id, "reason": "It cannot wait.", "choice": topics[1],
    }  # fmt: skip
    path = {"cast": f"/rounds/{held.id}", "withdraw": f"/rounds/{held.id}/withdraw"}.get(
        step, f"/staff/rounds/{held.id}/{step}"
    )
    before = rows(session)
    answer = browser.post(path, data=fields)
    session.expire_all()
    if state in ROUND_STEPS[step]:
        assert answer.status_code == 303
        return
    # A round without a result has no loser to choose from.
    assert answer.status_code in ({409, 422} if step == "overrule" else {409})
    assert said(answer)
    assert rows(session) == before


@pytest.mark.parametrize(
    ("step", "state", "lacks"),
    [
        ("reject", "suggested", "reason"),
        ("drop", "assigned", "reason"),
        ("assign", "not_selected", "reason"),
        ("merge", "suggested", "original"),
        ("publish", "assigned", "article"),
    ],
)
def test_a_step_lacks_what_readers_are_owed(
    session: Session, signed_in: SignedIn, step: str, state: str, lacks: str
) -> None:
    """[V10] [V12] No public reason, no article, no original: no step."""
    browser = signed_in(session, factories.staff(session))
    topic = a_topic(session, state)
    given = {"reason": " ", "reporter": factories.staff(session, role="reporter").id}
    path = f"/staff/topics/{topic.id}/{step}" + ("/0" if lacks == "article" else "")
    before = rows(session)
    answer = browser.post(path, data=given)
    assert answer.status_code in {404, 409, 422}
    session.expire_all()
    assert rows(session) == before


def test_no_form_is_forgotten(app: Flask) -> None:
    """[V10] Whoever adds a form to the vote says in which states it may be sent."""
    known = {"staff.approve", "staff.edit_topic", "staff.cancel_round", "staff.edit_round"}
    known |= {f"staff.{step}" for step in (*STAFF_STEPS, *ROUND_STEPS)}
    known |= {f"voting.{step}_topic" for step in READER_STEPS}
    known |= {f"voting.{step}" for step in ROUND_STEPS}
    forms = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in rule.methods and rule.rule.startswith(FORMS)
    }
    assert forms - known == OTHER_FORMS
