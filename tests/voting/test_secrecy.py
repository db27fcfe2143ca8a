"""[V4] [L20] While a round is open, no page, feed, mail or export tells how the vote stands."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import ROLES, Account
from membership.mail.models import OutboxEmail
from membership.voting import paper, rounds
from membership.voting.models import Ballot, Round, TopicSupport
from tests import factories

# Votes for the three options; every figure that follows from them is looked for.
VOTES = (821, 613, 397)
SIGNED_IN = {"patron", *ROLES}


@pytest.fixture
def held(session: Session) -> Round:
    """A round with a day to go, among enough else that every page has something to show."""
    article = factories.article(session)
    factories.topic(session, state="published", article_id=article.id, published_at=factories.NOON)
    held = factories.round_(session, closes_at=clock.now() + timedelta(days=1))
    for topic in paper.options(session, held.id):
        supporters = [factories.account(session).id for _ in range(7)]
        session.execute(
            insert(TopicSupport), [{"topic_id": topic.id, "account_id": id_} for id_ in supporters]
        )
    return held


def cast_many(session: Session, held: Round) -> None:
    """The second topic leads, so that no order by id or title would be right by chance."""
    first, second, third = (topic.id for topic in paper.options(session, held.id))
    voters = session.execute(
        insert(Account).returning(Account.id),
        [{"email": f"voter{number}@example.org", "language": "en"} for number in range(sum(VOTES))],
    ).scalars()
    choices = [second] * VOTES[0] + [third] * VOTES[1] + [first] * VOTES[2]
    ballots = [
        {"round_id": held.id, "account_id": voter, "choices": [choice], "cast_at": factories.NOON}
        for voter, choice in zip(voters, choices, strict=True)
    ]
    session.execute(insert(Ballot), ballots)


def addresses(app: Flask, session: Session, held: Round) -> Iterator[str]:
    """Every GET page of the site, about this round and its topics where a page is about one."""
    topics = paper.options(session, held.id)
    story = factories.article(session)
    values = {
        "round_id": [held.id],
        "topic_id": [topic.id for topic in topics],
        "account_id": [factories.patron(session).id],
        "slug": [topic.slug for topic in topics] + [story.slug],
    }
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods or rule.endpoint == "static":
            continue
        names = sorted(rule.arguments)
        for chosen in product(*(values.get(name, ["1"]) for name in names)):
            yield adapter.build(rule.endpoint, dict(zip(names, chosen, strict=True)))


def told(page: str) -> set[str]:
    total = sum(VOTES)
    figures = {str(number) for number in (*VOTES, total)}
    figures |= {f"{total:,}", f"{total / 1000:.1f}k"}
    figures |= {f"{100 * number / total:.1f}" for number in VOTES}
    return {figure for figure in figures if re.search(rf"(?<![\w.]){re.escape(figure)}\b", page)}


def without_tokens(page: str) -> str:
    """Without what is another one in each form that is shown."""
    return re.sub(r'name="(csrf_token|attempt|entry_id|refund_id)"[^>]* value="[^"]*"', "", page)


def crawl(session: Session, browser: FlaskClient, pages: list[str]) -> dict[str, str]:
    """What each page says; that it was looked at (some looks are audited) is forgotten."""
    with session.begin_nested() as looking:
        session.connection()  # sets the savepoint, before the pages set theirs
        answers = {page: browser.get(page) for page in pages}
        looking.rollback()
    return {page: without_tokens(answer.get_data(as_text=True)) for page, answer in answers.items()}


@pytest.mark.parametrize("who", ["anonymous", "patron", *ROLES])
def test_no_page_changes_by_votes(
    app: Flask,
    session: Session,
    held: Round,
    client: FlaskClient,
    signed_in: Callable[[Session, Account], FlaskClient],
    who: str,
) -> None:
    """[V4] [L20] Every page is the same before and after 1,831 votes, and tells none of them."""
    pages = list(addresses(app, session, held))
    assert f"/rounds/{held.id}" in pages
    assert f"/staff/rounds/{held.id}" in pages
    browser = client
    if who in SIGNED_IN:
        role = who if who in ROLES else None
        browser = signed_in(session, factories.patron(session, role=role))
    with clock.fixed(clock.now()):
        cast_many(session, held)
        after = crawl(session, browser, pages)
        session.execute(Ballot.__table__.delete())
        before = crawl(session, browser, pages)
    assert {page: told(text) for page, text in after.items() if told(text)} == {}
    assert [page for page in pages if before[page] != after[page]] == []


def test_the_crawl_would_notice(session: Session, client: FlaskClient, held: Round) -> None:
    """After the end the same look finds the figures: the test above can fail."""
    cast_many(session, held)
    held.closes_at = rounds.database_now(session)
    session.flush()
    while rounds.advance(session, held.id):
        pass
    pages = crawl(session, client, [f"/rounds/{held.id}/result", f"/rounds/{held.id}/export.json"])
    assert {str(number) for number in VOTES} <= told(pages[f"/rounds/{held.id}/result"])


def test_no_mail_is_written_by_voting(session: Session, held: Round) -> None:
    """[L20]"""
    voter = factories.patron(session)
    rounds.cast(session, held.id, voter.id, [paper.options(session, held.id)[0].id])
    assert session.scalars(select(OutboxEmail)).all() == []
