"""Many workers tell of the same rounds, in real transactions."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from membership.db import transaction
from membership.mail.models import OutboxEmail
from membership.voting import following, paper, rounds, telling
from membership.voting.models import Round
from tests import factories
from tests.voting.letters_of_votes import DAY, HOUR, held, settle, vote
from tests.voting.waiting import wait_for_a_lock

pytestmark = pytest.mark.usefixtures("committed")
WORKERS = 4


@pytest.fixture
def workers(app: Flask) -> Iterator[ThreadPoolExecutor]:
    context = app.app_context
    with ThreadPoolExecutor(WORKERS, initializer=lambda: context().push()) as pool:
        yield pool


def all_at_once(workers: ThreadPoolExecutor, act: Callable[[], Any]) -> None:
    ready = threading.Barrier(WORKERS)

    def once_all_are_ready(_: int) -> None:
        ready.wait(timeout=30)
        act()

    list(workers.map(once_all_are_ready, range(WORKERS)))


def outbox() -> Counter[tuple[str, str]]:
    """How many mails of which kind about what."""
    with transaction() as session:
        return Counter(
            (kind, subject)
            for kind, subject in session.execute(select(OutboxEmail.kind, OutboxEmail.subject))
        )


def test_many_workers_write_each_mail_once(workers: ThreadPoolExecutor) -> None:
    """[V11] Opened, ending and decided at once: every reader gets one mail of each."""
    with transaction() as session:
        patrons = [factories.patron(session) for _ in range(20)]
        opened, ending = held(session), held(session, began=3 * DAY + HOUR)
        decided = held(session, lasts=DAY)
        followed = paper.options(session, decided.id)[1]
        for each in patrons[:12]:
            vote(session, decided, each)
        for each in patrons[10:15]:
            following.follow(session, [followed.id], each.id)
        for each in patrons[:7]:
            vote(session, ending, each)
        settle(session, decided)
    all_at_once(workers, telling.tell_due)
    all_at_once(workers, telling.tell_due)
    assert outbox() == {
        ("round_opened", f"round:{opened.id}"): 20,
        ("round_closing", f"round:{ending.id}"): 13,
        ("round_result", f"round:{decided.id}"): 15,
    }


def test_two_beats_and_four_workers_take_a_round_its_whole_way(
    workers: ThreadPoolExecutor,
) -> None:
    """[V11] From draft to result: whoever voted gets the opening and the result, once each."""
    with transaction() as session:
        draft = held(session, state="draft").id
        voters = [factories.patron(session) for _ in range(5)]
    all_at_once(workers, rounds.advance_all)
    with transaction() as session:
        round_ = session.get_one(Round, draft)
        for voter in voters:
            vote(session, round_, voter)
        round_.closes_at = rounds.database_now(session)
    all_at_once(workers, rounds.advance_all)
    subject = f"round:{draft}"
    assert outbox() == {("round_opened", subject): 5, ("round_result", subject): 5}


def test_a_worker_that_dies_leaves_all_to_the_next() -> None:
    """[M1] [L22] Mails and the note that they were written stand together or not at all."""

    class Killed(BaseException):
        """Stands for the end of a process."""

    with transaction() as session:
        factories.patron(session)
        round_id = held(session).id

    def tell_and_die() -> None:
        with transaction() as session:
            telling.tell(session, round_id, "round_opened")
            raise Killed

    with pytest.raises(Killed):
        tell_and_die()
    assert outbox() == {}
    telling.tell_due()
    assert outbox() == {("round_opened", f"round:{round_id}"): 1}


def test_nobody_waits_with_their_vote_while_letters_are_written(
    workers: ThreadPoolExecutor,
) -> None:
    """[V1] However long it takes to write to everyone."""
    with transaction() as session:
        voter, round_ = factories.patron(session), held(session)
    with transaction() as session:
        session.execute(text("LOCK TABLE outbox_email IN EXCLUSIVE MODE"))
        writing = workers.submit(telling.tell_due)
        wait_for_a_lock()
        with transaction() as casting:
            casting.execute(text("SET LOCAL lock_timeout = '2s'"))
            vote(casting, round_, voter)
        assert not writing.done()
    writing.result(timeout=30)
    assert outbox() == {("round_opened", f"round:{round_.id}"): 1}
