"""Deciding about a topic while it is being put on a ballot paper, or while its hour strikes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.db import database_now, transaction
from membership.voting import drafts, moderation, paper, rounds, topics
from membership.voting.drafts import InvalidRoundError
from membership.voting.models import Round, RoundOption, Topic
from tests import factories
from tests.voting.test_drafts import good
from tests.voting.waiting import wait_for_a_lock

Act = Callable[[Session, Topic, Account], object]


def decline(session: Session, topic: Topic, editor: Account) -> None:
    topics.change_state(session, topic, "rejected", editor, reason="Not ours.")


def merge(session: Session, topic: Topic, editor: Account) -> None:
    topics.merge(session, topic, factories.topic(session), editor)


def rewrite(session: Session, topic: Topic, editor: Account) -> None:
    moderation.edit(session, topic, editor, title="Something else", why="Why.", links=[])


@pytest.mark.parametrize("act", [decline, merge])
def test_what_is_put_on_a_paper_meanwhile_is_not_turned_down(
    app: Flask, committed: Engine, act: Act
) -> None:
    """[V10] [V11] Or its round could never open: refused, and the round opens whole."""
    with transaction() as session:
        editor_id = factories.staff(session).id
        ids = [factories.topic(session).id for _ in range(3)]

    def late() -> str:
        with app.app_context():
            try:
                with transaction() as session:
                    act(
                        session, session.get_one(Topic, ids[0]), session.get_one(Account, editor_id)
                    )
            except InvalidRoundError as error:
                return str(error)
        return ""

    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            asked = [session.get_one(Topic, id_) for id_ in ids]
            times = {"opens_at": database_now(session)}
            draft_id = drafts.create(session, actor=None, **good(session, topics=asked, **times)).id
            said = pool.submit(late)
            wait_for_a_lock()
        assert "has just been put" in said.result(timeout=30)
    with transaction() as session:
        assert session.scalars(select(Topic.state).distinct()).all() == ["suggested"]
        assert rounds.advance(session, draft_id) == "open"
        assert {topic.state for topic in paper.options(session, draft_id)} == {"on_ballot"}


def due(session: Session, **values: object) -> Round:
    """A round of four topics whose hour has struck while beat sleeps."""
    stand = [factories.topic(session) for _ in range(4)]
    return factories.round_(session, stand, state="draft", **values)


@pytest.mark.parametrize("act", [decline, merge, rewrite])
def test_from_its_hour_on_a_paper_and_its_words_stay(session: Session, act: Act) -> None:
    """[V6] [V7] [L21] Readers may have seen it open; the database's clock says so."""
    editor, held = factories.staff(session), due(session)
    topic, seed = paper.options(session, held.id)[0], held.tie_seed
    before = (topic.title, topic.state)
    refused = (InvalidRoundError, moderation.WordsStandError)
    with pytest.raises(refused), session.begin_nested():
        act(session, topic, editor)
    session.expire_all()
    assert (topic.title, topic.state) == before
    assert (len(paper.options(session, held.id)), held.tie_seed) == (4, seed)


@pytest.mark.parametrize("act", [decline, merge, rewrite])
def test_until_its_hour_they_may_change(session: Session, act: Act) -> None:
    """[V7]"""
    editor = factories.staff(session)
    held = due(session, opens_at=database_now(session) + timedelta(seconds=30))
    topic = paper.options(session, held.id)[0]
    act(session, topic, editor)
    assert (topic.title, topic.state) != ("Topic 1", "suggested")


def test_a_round_that_cannot_open_is_taken_back(session: Session) -> None:
    """Nothing is stuck for good: nobody has voted where nothing was opened."""
    editor, held = factories.staff(session), due(session)
    stand = paper.options(session, held.id)
    # As no step of ours leaves it.
    stand[0].state = "selected"
    session.flush()
    with pytest.raises(topics.lifecycle.ForbiddenTransitionError), session.begin_nested():
        rounds.advance(session, held.id)
    session.refresh(held)
    drafts.cancel(session, held, editor)
    assert session.scalars(select(RoundOption)).all() == []
    drafts.create(session, actor=None, **good(session, topics=stand[1:]))
