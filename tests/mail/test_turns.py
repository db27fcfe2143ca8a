"""Workers send in short turns, so that one is soon free for what somebody waits for."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from membership import background
from membership.mail import delivery
from sandbox.inbox import Inbox
from tests.mail import mails


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What workers are told."""
    tasks: list[str] = []

    def tell(task: str) -> bool:
        tasks.append(task)
        return True

    monkeypatch.setattr(background, "send", tell)
    return tasks


def test_a_turn_ends_and_any_worker_goes_on(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    """[M9] What is left is due, and a worker is told."""
    mails.put()
    told.clear()
    monkeypatch.setattr(delivery, "TURN_SECONDS", 0.0)
    delivery.take_turns()
    assert (mails.states(), told) == (["pending"], ["mail.deliver"])


def test_nobody_is_told_of_nothing(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    mails.put()
    told.clear()
    monkeypatch.setattr(delivery, "TURN_SECONDS", 60.0)
    delivery.take_turns()
    assert (mails.states(), told) == (["sent"], [])


def test_without_redis_the_same_worker_goes_on(
    session: Session, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M9] Else mail would wait for beat after each short turn."""
    mails.put()
    told = []

    def fail_to_tell(task: str) -> bool:
        told.append(task)
        monkeypatch.setattr(delivery, "TURN_SECONDS", 60.0)
        return False

    monkeypatch.setattr(delivery, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(background, "send", fail_to_tell)
    delivery.take_turns()
    assert (mails.states(), told) == (["sent"], ["mail.deliver"])


def test_nothing_waits_behind_mail(app: Flask) -> None:
    """[M9] However often it is woken: workers take from the two queues in turn."""
    celery = app.extensions["celery"]
    queues = [
        celery.amqp.router.route({}, task)["queue"].name
        for task in ("mail.deliver", "billing.process_events")
    ]
    assert queues == ["mail", "celery"]
    assert set(celery.amqp.queues) == {"mail", "celery"}
