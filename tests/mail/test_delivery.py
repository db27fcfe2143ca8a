"""What is due goes out, once, whatever the mail server says."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from membership import clock
from membership.db import database_now, statements
from membership.mail import claiming, delivery, kinds, smtp
from membership.mail.models import MailRefusal, Suppression
from sandbox.inbox import Inbox
from tests.factories import NOON, add
from tests.mail import mails


def test_a_mail_is_sent_and_noted(session: Session, inbox: Inbox) -> None:
    mails.put()
    assert delivery.deliver_due() == {"sent": 1}
    (row,) = mails.rows()
    (mail,) = inbox.messages()
    assert (row.state, row.attempts, row.last_error) == ("sent", 1, None)
    assert row.sent_at is not None
    assert mail["headers"]["Message-ID"] == row.message_id
    assert mail["to"] == "reader1@example.org"
    assert delivery.deliver_due() == {}


def test_more_than_a_batch_goes_out_in_one_run(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "BATCH", 2)
    for number in range(5):
        mails.put(number)
    assert delivery.deliver_due() == {"sent": 5}
    assert len(inbox.messages()) == 5


def test_who_signs_in_does_not_wait_behind_a_campaign(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M5]"""
    monkeypatch.setattr(claiming, "BATCH", 2)
    for number in range(1, 6):
        mails.put(number, kind="news")
    mails.put(6)
    mails.put(7, not_after=clock.now() + timedelta(minutes=10))
    delivery.deliver_due()
    order = [mail["to"] for mail in inbox.messages()]
    assert order[:2] == ["reader7@example.org", "reader6@example.org"]
    assert len(order) == 7


def test_when_the_time_is_up_the_rest_stays_due(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was leased and not tried is due at once, and costs no attempt."""
    mails.put(1)
    mails.put(2)
    # Begun, first batch, first mail; then a minute has passed.
    times = iter([0, 0, 0, 0])
    slow = SimpleNamespace(monotonic=lambda: next(times, 60))
    monkeypatch.setattr(delivery, "time", slow)
    assert delivery.deliver_due(budget_seconds=50) == {"sent": 1}
    assert mails.states() == ["sent", "pending"]
    row = mails.rows()[1]
    assert row.next_attempt_at is not None
    assert row.next_attempt_at <= clock.now()
    assert row.attempts == 0


def test_workers_at_once_send_each_mail_once(app: Flask, committed: Engine, inbox: Inbox) -> None:
    """[M2] Nobody sends what another has claimed."""
    for number in range(30):
        mails.put(number)

    def deliver(_: int) -> None:
        with app.app_context():
            delivery.deliver_due()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, range(4)))
    assert sorted(mail["to"] for mail in inbox.messages()) == sorted(
        row.recipient for row in mails.rows()
    )
    assert set(mails.states()) == {"sent"}


def test_a_worker_that_lost_its_lease_sends_nothing(session: Session, inbox: Inbox) -> None:
    """[M2] It was slow, another took over: the first leaves the mail alone."""
    mails.put()
    with statements() as other:
        (slow,) = claiming.claim(other, "lasting")
    mails.let_time_pass()
    assert delivery.deliver_due() == {"sent": 1}
    with statements() as other:
        assert claiming.step(other, None, slow) is None
    assert len(inbox.messages()) == 1


def test_a_mail_that_is_refused_for_good_fails(session: Session, inbox: Inbox) -> None:
    """[M2] A 5xx about the recipient is final."""
    inbox.misbehave(answer=550)
    mails.put()
    assert delivery.deliver_due() == {"failed": 1}
    (row,) = mails.rows()
    assert row.last_error is not None
    assert row.last_error.startswith("550 ")
    inbox.misbehave()
    mails.let_time_pass()
    assert delivery.deliver_due() == {}
    assert inbox.messages() == []


def test_a_mail_that_is_refused_for_now_is_tried_again_later(
    session: Session, inbox: Inbox
) -> None:
    inbox.misbehave(answer=450)
    mails.put(1)
    mails.put(2)
    before = database_now(session)
    assert delivery.deliver_due() == {"pending": 2}
    row = mails.rows()[0]
    assert row.next_attempt_at is not None
    assert (
        timedelta() <= row.next_attempt_at - before - timedelta(minutes=1) < timedelta(seconds=30)
    )
    assert (row.attempts, (row.last_error or "")[:4]) == (1, "450 ")
    assert delivery.deliver_due() == {}, "it waits"
    inbox.misbehave()
    mails.let_time_pass()
    assert delivery.deliver_due() == {"sent": 2}
    assert mails.rows()[0].message_id == row.message_id


def test_a_mail_that_is_never_taken_fails_in_the_end(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MAX_ATTEMPTS", 2)
    inbox.misbehave(answer=450)
    mails.put()
    delivery.deliver_due()
    mails.let_time_pass()
    assert delivery.deliver_due() == {"failed": 1}


def test_waits_double_up_to_six_hours() -> None:
    minutes = [delivery.wait_after(attempts) / timedelta(minutes=1) for attempts in range(1, 12)]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]


def test_late_mail_expires(session: Session, inbox: Inbox) -> None:
    """[M5] After not_after a mail is worth nothing."""
    mails.put(1, not_after=NOON)
    mails.put(2, not_after=clock.now() + timedelta(hours=1))
    assert delivery.deliver_due() == {"expired": 1, "sent": 1}
    assert mails.states() == ["expired", "sent"]
    assert len(inbox.messages()) == 1


def test_suppression_and_refusals_are_looked_at_when_sending(
    session: Session, inbox: Inbox
) -> None:
    """[M4] A refused kind stops that kind; a suppressed address gets nothing."""
    mails.put(1, "letter")
    mails.put(1, "news")
    mails.put(2, "letter")
    add(session, MailRefusal(address="Reader1@example.org", kind="news"))
    add(session, MailRefusal(address="reader1@example.org", kind="letter"))
    add(session, Suppression(address="reader2@example.org", reason="hard bounce"))
    assert delivery.deliver_due() == {"sent": 1, "suppressed": 2}
    assert mails.states() == ["sent", "suppressed", "suppressed"]
    assert mails.rows()[2].last_error == "suppressed: hard bounce"
    assert [mail["to"] for mail in inbox.messages()] == ["reader1@example.org"]


def test_a_template_that_raises_stops_nobody_else(session: Session, inbox: Inbox) -> None:
    """[L7] The poison row is set aside with its reason, the rest goes out."""
    mails.put(1, context={})  # `topic` is missing: an error, not a gap
    mails.put(2)
    mails.put(3, recipient="not an address")
    assert delivery.deliver_due() == {"pending": 1, "failed": 1, "sent": 1}
    assert mails.states() == ["pending", "sent", "failed"]
    assert "'topic' is undefined" in (mails.rows()[0].last_error or "")
    for _ in range(delivery.MAX_ATTEMPTS - 1):
        mails.let_time_pass()
        delivery.deliver_due()
    assert mails.states() == ["failed", "sent", "failed"]


def test_an_old_worker_leaves_new_mail_to_a_new_one(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M2] While a release begins, its kinds of mail are unknown to the worker of before."""
    mails.put()
    known = kinds._kinds.pop("letter")
    assert delivery.deliver_due() == {"pending": 1}
    monkeypatch.setitem(kinds._kinds, "letter", known)
    mails.let_time_pass()
    assert delivery.deliver_due() == {"sent": 1}


def test_no_answer_leaves_a_doubt(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M2] Handed over and never answered: a receipt goes once more as the same mail, news not."""
    monkeypatch.setattr(smtp, "ANSWER_SECONDS", 0.3)
    inbox.misbehave(stall_after_data=True)
    mails.put(1, "letter")
    assert delivery.deliver_due() == {"pending": 1}
    mails.let_server_return()
    mails.put(2, "news")
    assert delivery.deliver_due() == {"uncertain": 1}
    mails.let_time_pass()
    assert delivery.deliver_due() == {"uncertain": 1}, "once more, and never a third time"
    assert mails.states() == ["uncertain", "uncertain"]
    sent = [(mail["to"], mail["headers"]["Message-ID"]) for mail in inbox.messages()]
    letter, news = mails.rows()
    assert sent == [
        (letter.recipient, letter.message_id),
        (news.recipient, news.message_id),
        (letter.recipient, letter.message_id),
    ]
