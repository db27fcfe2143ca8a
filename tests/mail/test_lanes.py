"""Who comes first, and what workers do to each other's mail."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from psycopg import RawCursor
from psycopg.errors import DeadlockDetected
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from membership import clock
from membership.db import statements, transaction
from membership.mail import claiming, delivery
from membership.mail.claiming import End
from membership.mail.line import LINE
from sandbox.inbox import Inbox
from tests.mail import mails
from tests.voting.waiting import wait_for_a_lock

SOON = timedelta(minutes=10)


def test_a_sign_in_waits_behind_no_receipt(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M5] However many were due before it: more than a batch are."""
    monkeypatch.setattr(claiming, "BATCH", 2)
    for number in range(1, 6):
        mails.put(number)
    mails.let_time_pass()
    mails.put(6, not_after=clock.now() + 2 * SOON)
    mails.put(7, not_after=clock.now() + SOON)
    delivery.deliver_due()
    assert [mail["to"][6] for mail in inbox.messages()] == list("7612345")


def test_a_sign_in_overtakes_receipts_that_are_leaving(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M5] Also within one batch of theirs, however slowly they leave."""
    # Every look at the clock finds it a while on.
    slow = SimpleNamespace(monotonic=count(step=delivery.LOOKS_EVERY / 2).__next__)
    monkeypatch.setattr(delivery, "time", slow)
    for number in range(1, 4):
        mails.put(number)
    send = LINE.send

    def send_and_write(url: str, letter: bytes, sender: str, recipient: str) -> None:
        if recipient.startswith("reader1@"):
            mails.put(9, not_after=clock.now() + SOON)
        send(url, letter, sender, recipient)

    monkeypatch.setattr(LINE, "send", send_and_write)
    assert delivery.deliver_due() == {"sent": 4}
    assert [mail["to"][6] for mail in inbox.messages()] == list("1923")


@pytest.mark.parametrize("off", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_clock_that_is_off_takes_nobody_s_mail(session: Session, off: timedelta) -> None:
    """[M2] Leases are the database's: a worker whose clock is ahead leaves those of others alone.

    Nor does one whose clock is behind leave what is due.
    """
    mails.put(1, not_after=clock.now() + timedelta(days=1))
    mails.put(2)
    lanes = ("expiring", "lasting")
    with statements() as worker, clock.fixed(clock.now() + off):
        held = [mail for lane in lanes for mail in claiming.claim(worker, lane)]
        assert len(held) == 2
        assert [claiming.step(worker, None, mail) for mail in held] == ["sending"] * 2
    for elsewhere in (off, -off):
        with statements() as worker, clock.fixed(clock.now() + elsewhere):
            assert [mail for lane in lanes for mail in claiming.claim(worker, lane)] == []


def test_a_step_locks_the_mail_before_first(app: Flask, committed: Engine) -> None:
    """[M2] As all who change mails do, in the order of their ids: nobody is in anybody's way."""
    for number in range(2):
        mails.put(number)
    with statements() as worker:
        first, second = claiming.claim(worker, "lasting")
        assert claiming.step(worker, None, first) == "sending"

    def go_on() -> str | None:
        with app.app_context(), statements() as worker:
            end = End(first, "sent", None, clock.now(), timedelta())
            return claiming.step(worker, end, second)

    lock = text("SELECT id FROM outbox_email WHERE id = :id FOR UPDATE NOWAIT")
    with ThreadPoolExecutor(1) as pool:
        with transaction() as other:
            other.execute(lock, {"id": first.id})
            stepped = pool.submit(go_on)
            wait_for_a_lock()
            # It waits for the first, and holds nothing that we could be waiting for.
            other.execute(lock, {"id": second.id})
        assert stepped.result() == "sending"
    assert mails.states() == ["sent", "sending"]


class Unlucky(RawCursor[Any]):
    """Loses the first deadlock, as PostgreSQL lets one of two lose it."""

    has_lost = False

    def execute(self, *arguments: Any, **options: Any) -> Any:
        if not Unlucky.has_lost:
            Unlucky.has_lost = True
            raise DeadlockDetected
        return super().execute(*arguments, **options)


def test_a_step_that_loses_a_deadlock_is_done_again(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M2] A sign-in is begun after a letter with a higher id: two may wait for each other."""
    monkeypatch.setattr(Unlucky, "has_lost", False)
    monkeypatch.setattr(claiming, "RawCursor", Unlucky)
    mails.put()
    assert delivery.deliver_due() == {"sent": 1}
    assert Unlucky.has_lost
