"""The canary that tells whether beat and the workers live, and who is told."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from membership import background, clock
from membership.reports import heartbeat
from tasks import reports as tasks
from tasks.schedule import BEAT_SCHEDULE
from tests.factories import NOON


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that are sent to the workers."""
    sent: list[str] = []
    monkeypatch.setattr(background, "send", sent.append)
    return sent


def test_a_canary_goes_through_redis_and_back_every_minute(
    session: Session, woken: list[str]
) -> None:
    """[M10] PostgreSQL → Redis → worker → PostgreSQL; beat's word alone is no worker's."""
    assert BEAT_SCHEDULE["reports.beat_heart"]["schedule"] == 60.0
    assert heartbeat.ages(session) == {"beat": None, "worker": None}
    tasks.beat_heart()
    ages = heartbeat.ages(session)
    assert ages["beat"] is not None
    assert ages["worker"] is None
    assert woken == ["reports.answer_heart"]
    tasks.answer_heart()
    assert heartbeat.ages(session)["worker"] is not None
    assert woken == ["reports.answer_heart"]


def test_the_age_is_by_the_clock_of_the_database(session: Session, woken: list[str]) -> None:
    """[M10] Whatever this machine's clock says."""
    for _ in range(2):
        with clock.fixed(NOON):
            heartbeat.beat(session)
            heartbeat.answer(session)
    session.execute(text("UPDATE heartbeat SET at = at - interval '5 minutes'"))
    for age in heartbeat.ages(session).values():
        assert age is not None
        assert 300 <= age < 360


def test_the_ages_stand_in_readyz_and_decide_nothing(
    client: FlaskClient, session: Session, woken: list[str]
) -> None:
    """[M10] Who watches reads the age as a metric; a late heart does not take the site away."""
    checks = {"database": True, "migrations": True, "redis": False}
    answer = client.get("/readyz")
    assert answer.json == checks | {"heartbeat_seconds": {"beat": None, "worker": None}}
    heartbeat.beat(session)
    session.execute(text("UPDATE heartbeat SET at = at - interval '1 day'"))
    answer = client.get("/readyz")
    assert answer.json is not None
    assert answer.json["heartbeat_seconds"]["beat"] >= 86_400
    assert answer.status_code == 503, "no Redis in these tests"


def test_readyz_is_right_with_redis_however_old_the_heart(
    app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M10]"""
    monkeypatch.setattr("membership.web.health.redis_answers", lambda: True)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["heartbeat_seconds"]["worker"] is None
