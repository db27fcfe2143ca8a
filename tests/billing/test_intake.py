"""Events that come at the same time are stored together, and nobody pays for another's."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event as Signal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session

from membership.billing.intake import Intake
from membership.billing.models import StripeEvent
from membership.billing.snapshots import Event
from tests.billing.reading import rows


def event(number: int) -> Event:
    payload = {"data": {"object": {"id": f"in_{number}"}}}
    return Event(
        f"evt_{number}", "invoice.paid", datetime(2026, 11, 23, tzinfo=UTC), False, payload
    )


def test_who_comes_while_others_are_written_is_written_with_the_next() -> None:
    """[B2] The first goes alone; all who came meanwhile go with one write."""
    written: list[list[str]] = []
    under_way, go_on = Signal(), Signal()

    def write(events: Sequence[Event]) -> None:
        under_way.set()
        assert go_on.wait(60)
        written.append([each.id for each in events])

    intake = Intake(write)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(intake.bring, event(0))
        assert under_way.wait(60)
        others = [threads.submit(intake.bring, event(number)) for number in range(1, 9)]
        while len(intake._waiting) < len(others):
            pass
        go_on.set()
        for each in [first, *others]:
            each.result(timeout=60)
    assert written[0] == ["evt_0"]
    assert sorted(written[1]) == [f"evt_{number}" for number in range(1, 9)]
    assert len(written) == 2


def test_one_that_cannot_be_held_costs_the_others_nothing() -> None:
    """[B2] [L7]"""
    written: list[str] = []
    under_way, go_on = Signal(), Signal()

    def write(events: Sequence[Event]) -> None:
        under_way.set()
        assert go_on.wait(60)
        if any(each.id == "evt_3" for each in events):
            raise DataError("INSERT", {}, ValueError("\\u0000"))
        written.extend(each.id for each in events)

    intake = Intake(write)
    with ThreadPoolExecutor(6) as threads:
        brought = [threads.submit(intake.bring, event(0))]
        assert under_way.wait(60)
        brought += [threads.submit(intake.bring, event(number)) for number in range(1, 6)]
        while len(intake._waiting) < 5:
            pass
        go_on.set()
        errors = [each.exception(timeout=60) for each in brought]
    assert [type(error) for error in errors] == [
        type(None), type(None), type(None), DataError, type(None), type(None)
    ]  # fmt: skip
    assert sorted(written) == ["evt_0", "evt_1", "evt_2", "evt_4", "evt_5"]


def test_when_the_database_is_away_each_is_told_so_once() -> None:
    """[B2] Nobody tries for the others again, which would keep all of them waiting."""
    tries = 0

    def write(events: Sequence[Event]) -> None:
        nonlocal tries
        tries += 1
        raise OperationalError("INSERT", {}, ConnectionError("gone"))

    with pytest.raises(OperationalError):
        Intake(write).bring(event(1))
    assert tries == 1


def test_who_dies_while_writing_leaves_nobody_believing() -> None:
    """[B2] What was not committed is not answered with 200, and the next one is written."""
    written: list[str] = []

    def write(events: Sequence[Event]) -> None:
        if not written:
            written.append("stopped")
            raise SystemExit
        written.extend(each.id for each in events)

    intake = Intake(write)
    with pytest.raises(SystemExit):
        intake.bring(event(1))
    intake.bring(event(2))
    assert written == ["stopped", "evt_2"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_stripes_door_opens_to_a_post_alone(client: FlaskClient, method: str) -> None:
    answer = client.open("/webhooks/stripe", method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_whatever_goes_wrong_stripe_hears_that_it_is_not_stored(
    app: Flask, session: Session, client: FlaskClient
) -> None:
    """[S7] Nothing technical is said, and the headers of every answer are there."""
    answer = client.post("/webhooks/stripe", data=b"{}", headers={"Stripe-Signature": "t=1"})
    assert (answer.status_code, answer.data) == (400, b"")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert rows(session, StripeEvent) == []
