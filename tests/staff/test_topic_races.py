"""Editors who decide about the same topic at the same time: one of them does."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from membership.accounts import sign_in
from membership.accounts.models import AuditEntry
from membership.db import transaction
from membership.voting import moderation
from membership.voting.models import Topic, TopicChange, TopicEdit
from tests import factories

pytestmark = pytest.mark.usefixtures("committed")
EDITORS = 8


@pytest.fixture
def editors(app: Flask) -> list[FlaskClient]:
    """Several browsers, each signed in as an editor of its own."""
    app.config["WTF_CSRF_ENABLED"] = False
    browsers = []
    for _ in range(EDITORS):
        with transaction() as session:
            token = sign_in.open_sign_in(session, factories.staff(session, "editor"))
        browser = app.test_client()
        with browser.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = token, True
        browsers.append(browser)
    return browsers


def suggested(title: str) -> Topic:
    with transaction() as session:
        return factories.topic(session, title=title)


def all_at_once(
    app: Flask, editors: list[FlaskClient], asked: list[tuple[str, dict[str, str]]]
) -> list[TestResponse]:
    """Each editor posts one form; none begins before all are ready."""
    ready = threading.Barrier(len(asked))

    def post(browser: FlaskClient, form: tuple[str, dict[str, str]]) -> TestResponse:
        with app.app_context():
            ready.wait(timeout=30)
            return browser.post(form[0], data=form[1])

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(post, editors, asked))


def test_of_many_decisions_about_a_suggestion_one_counts(
    app: Flask, editors: list[FlaskClient]
) -> None:
    """[V10] Approved, declined, merged or edited: the others are told to look again."""
    original, topic = suggested("The river"), suggested("The bridge")
    seen = {"seen": moderation.fingerprint(topic)}
    words = {"title": "Why is the bridge closed?", "why": "Nobody tells us.", "links": ""}
    acts = [
        ("approve", seen),
        ("reject", seen | {"reason": "We did that in May."}),
        ("merge", seen | {"original": original.slug}),
        ("edit", seen | words),
    ] * 2
    forms = [(f"/staff/topics/{topic.id}/{act}", data) for act, data in acts]
    answers = all_at_once(app, editors, forms)
    assert Counter(answer.status_code for answer in answers) == {303: 1, 409: EDITORS - 1}
    refused = [answer.text for answer in answers if answer.status_code == 409]
    assert all("This topic has changed since you opened the page." in page for page in refused)
    with transaction() as session:
        deeds = select(func.count()).where(AuditEntry.subject == f"topic:{topic.id}")
        assert session.scalar(deeds) == 1
        found = session.get_one(Topic, topic.id)
        done = [found.state != "suggested", found.approved_at is not None]
        done.append(session.scalar(select(func.count()).select_from(TopicEdit)) == 1)
        assert done.count(True) == 1


def test_forms_that_have_seen_nothing_still_decline_once(
    app: Flask, editors: list[FlaskClient]
) -> None:
    """[V10] The topic's row decides where no fingerprint does."""
    topic = suggested("The bridge")
    forms = [(f"/staff/topics/{topic.id}/reject", {"reason": "No."})] * EDITORS
    answers = all_at_once(app, editors, forms)
    assert Counter(answer.status_code for answer in answers) == {303: 1, 409: EDITORS - 1}
    assert all("moved on" in answer.text for answer in answers if answer.status_code == 409)
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(TopicChange)) == 1


def test_two_topics_merged_into_each_other_leave_one(
    app: Flask, editors: list[FlaskClient]
) -> None:
    first, second = suggested("The bridge"), suggested("The old bridge")
    forms = [
        (f"/staff/topics/{topic.id}/merge", {"original": other.slug})
        for topic, other in [(first, second), (second, first)] * (EDITORS // 2)
    ]
    answers = all_at_once(app, editors, forms)
    assert Counter(answer.status_code for answer in answers) == {303: 1, 409: EDITORS - 1}
    with transaction() as session:
        states = session.scalars(select(Topic.state).order_by(Topic.state)).all()
    assert states == ["merged", "suggested"]


def test_ticks_that_cross_approve_each_topic_once(app: Flask, editors: list[FlaskClient]) -> None:
    """Beside them others approve single topics; nobody waits in a circle."""
    topics = [suggested(f"Topic {number}") for number in range(12)]
    seen = {topic.id: moderation.fingerprint(topic) for topic in topics}
    ticks = [f"{topic_id}-{mark}" for topic_id, mark in seen.items()]
    forms: list[tuple[str, Any]] = [
        ("/staff/topics/approve", {"topic": ticks}),
        ("/staff/topics/approve", {"topic": ticks[::-1]}),
    ]
    forms += [(f"/staff/topics/{topic.id}/approve", {}) for topic in topics[-EDITORS + 2 :]]
    answers = all_at_once(app, editors, forms)
    assert {answer.status_code for answer in answers} <= {303, 409}
    with transaction() as session:
        approved = select(AuditEntry.subject).where(AuditEntry.action == "topic.approved")
        found = sorted(session.scalars(approved))
    assert found == sorted(f"topic:{topic.id}" for topic in topics)
