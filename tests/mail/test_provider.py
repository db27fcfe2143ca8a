"""The mail server's pauses and its limit, which all workers share."""

import time
from datetime import timedelta
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.settings import Settings
from membership.db import database_now, statements, transaction
from membership.mail import delivery, provider
from membership.mail.models import MailProvider
from sandbox.inbox import Inbox
from tests.mail import mails


def known() -> MailProvider:
    with transaction() as session:
        return session.scalars(select(MailProvider)).one()


def pause_left() -> timedelta:
    """How long the server is still left alone."""
    until = known().paused_until_at
    assert until is not None
    with transaction() as session:
        return until - database_now(session)


def test_a_server_that_says_wait_is_left_alone(session: Session, inbox: Inbox) -> None:
    """[M5] 421 pauses the server: what has not been tried costs no attempt."""
    inbox.misbehave(answer=421)
    for number in range(3):
        mails.put(number)
    assert delivery.deliver_due() == {"pending": 1}
    assert [row.attempts for row in mails.rows()] == [1, 0, 0]
    assert timedelta(seconds=13) < pause_left() <= timedelta(seconds=15)
    assert known().pause_reason.startswith("421 ")
    inbox.misbehave()
    assert delivery.deliver_due() == {}, "it pauses"
    mails.let_server_return()
    assert delivery.deliver_due() == {"sent": 2}, "the third waits for itself"
    mails.let_time_pass()
    assert delivery.deliver_due() == {"sent": 1}


def test_no_server_costs_no_attempt(session: Session, app: Flask) -> None:
    """[M5] Nothing listens at the tests' mail server: it is left alone as one that says so."""
    mails.put()
    assert delivery.deliver_due() == {}
    (row,) = mails.rows()
    assert (row.state, row.attempts) == ("pending", 0)
    assert pause_left() > timedelta(seconds=13)


def test_pauses_grow_and_a_mail_that_is_taken_ends_that(session: Session, inbox: Inbox) -> None:
    """[M5] 15 s, 30 s, 1 min, 2 min, and five at most; after a success the first is short again."""
    inbox.misbehave(answer=421)
    mails.put()
    seen = []
    for _ in range(6):
        delivery.deliver_due()
        seen.append(round(pause_left().total_seconds()))
        mails.let_time_pass()
    assert seen == [15, 30, 60, 120, 300, 300]
    inbox.misbehave()
    assert delivery.deliver_due() == {"sent": 1}
    assert (known().refusals, known().paused_until_at) == (0, None)
    inbox.misbehave(answer=421)
    mails.put(2)
    delivery.deliver_due()
    assert round(pause_left().total_seconds()) == 15


def test_workers_sent_away_at_once_count_as_one(session: Session, app: Flask) -> None:
    """[M5] Both were told so in the same moment: the pause grows by one step."""
    with statements() as one, statements() as other:
        provider.pause(one, "421 go away")
        provider.pause(other, "421 go away")
    assert known().refusals == 1


def test_one_who_was_taken_before_does_not_end_a_new_pause(session: Session, app: Flask) -> None:
    """[M5] Its success is older than the refusal that another worker got."""
    provider.pause(session, "421 go away")
    provider.recover(session)
    assert provider.look(session) == provider.Seen(is_paused=True, was_away=True)


@pytest.fixture
def ten_a_second(app: Flask, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    configured: Settings = app.extensions["kava.settings"]
    limited = configured.model_copy(update={"mail_rate": 10.0})
    monkeypatch.setitem(app.extensions, "kava.settings", limited)


@pytest.mark.usefixtures("ten_a_second")
def test_turns_are_apart_whoever_takes_them(committed: Engine) -> None:
    """[M5] Two workers ask by turns: the next turn is never sooner than a tenth of a second on.

    A turn may be taken SLACK late without the next being later; the tenth by which we are slower
    is more than that, so that no second sees an eleventh.
    """
    apart = provider.SLOWER / 10
    assert 10 * apart - provider.SLACK > 1
    turns = []
    with statements() as one, statements() as other:
        for session in (one, other) * 3:
            while (seconds := provider.turn(session)) > 0:
                assert seconds <= apart
                time.sleep(seconds)
            turns.append(known().next_free)
    assert all(later - earlier > apart - 0.000_1 for earlier, later in pairwise(turns)), turns


@pytest.mark.usefixtures("ten_a_second")
def test_a_limit_holds_while_sending(session: Session, inbox: Inbox) -> None:
    """[M5] Eight mails at ten a second are seven turns apart."""
    for number in range(8):
        mails.put(number)
    began = time.monotonic()
    assert delivery.deliver_due() == {"sent": 8}
    assert time.monotonic() - began > 0.7
