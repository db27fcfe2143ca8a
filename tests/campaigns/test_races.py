"""Campaigns begun by many at once, by workers that die, and sent while staff act."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.campaigns import campaigns, lifecycle, sending
from membership.campaigns.models import Campaign
from membership.db import transaction
from membership.mail.models import OutboxEmail
from tests import factories
from tests.campaigns import newsroom

PEOPLE = 30


@pytest.fixture
def due(committed: Engine) -> int:
    """The id of a campaign whose time has come, to PEOPLE people."""
    with transaction() as session:
        for _ in range(PEOPLE):
            factories.patron(session)
        return newsroom.scheduled(session).id


def state(campaign_id: int) -> tuple[str, int | None]:
    with transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        return campaign.state, campaign.recipients


def rows() -> int:
    with transaction() as session:
        counted = select(func.count()).where(OutboxEmail.kind == "campaign")
        return session.scalars(counted).one()


def test_many_advance_at_once_and_there_is_one_set_of_rows(app: Flask, due: int) -> None:
    """[M3] [L22] Two beats, four workers."""
    together = Barrier(6)

    def advance() -> None:
        with app.app_context():
            together.wait()
            sending.advance_due()

    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(advance) for _ in range(6)]:
            done.result()
    assert state(due) == ("sending", PEOPLE)
    assert rows() == PEOPLE


@pytest.mark.parametrize(
    ("step", "before"),
    [
        ("schedule", "draft"),
        ("approve", "awaiting_approval"),
        ("pause", "sending"),
        ("resume", "paused"),
        ("stop", "sending"),
    ],
)
def test_two_who_click_at_once_take_one_step(app: Flask, due: int, step: str, before: str) -> None:
    """[M3] The second is told that it cannot be; and all of it is sent once."""
    clicks = {
        "schedule": lambda *these: campaigns.schedule(*these, clock.now()),
        "approve": campaigns.approve,
        "pause": lambda *these: campaigns.pause(*these, newsroom.REASON),
        "resume": campaigns.resume,
        "stop": lambda *these: campaigns.stop(*these, newsroom.REASON),
    }
    if before in {"sending", "paused"}:
        sending.advance_due()
    with transaction() as session:
        session.get_one(Campaign, due).state = before
        editors = [factories.staff(session).id for _ in range(2)]
    together = Barrier(2)

    def click(editor: int) -> str:
        with app.app_context(), transaction() as session:
            actor = session.get_one(Account, editor)
            together.wait()
            campaign = campaigns.find(session, due, to_change=True)
            assert campaign is not None
            try:
                clicks[step](session, campaign, actor)
            except lifecycle.ForbiddenStepError as error:
                return error.step
            return "taken"

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(click, editors)) == sorted([step, "taken"])
    sending.advance_due()
    assert rows() == PEOPLE


def test_a_crash_between_rows_and_state_leaves_neither(
    due: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M3] [L22] The next run writes them all, each once."""

    def crash(*_args: object, **_values: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(sending.audit, "record", crash)
        sending.advance_due()
        assert (state(due), rows()) == (("scheduled", None), 0)
    sending.advance_due()
    assert (state(due), rows()) == (("sending", PEOPLE), PEOPLE)


def test_one_that_cannot_begin_stops_no_other(due: int) -> None:
    """[L7]"""
    with transaction() as session:
        poison = newsroom.scheduled(session)
        poison.audience = {"tier": "caviar"}
        session.flush()
        poison_id = poison.id
    sending.advance_due()
    assert state(due)[0] == "sending"
    assert state(poison_id) == ("scheduled", None)


def test_whoever_holds_a_campaign_is_not_waited_for(due: int) -> None:
    """[M3] The worker goes on to other work; the next run takes the step."""
    with transaction() as session:
        campaigns.find(session, due, to_change=True)
        sending.advance_due()
        assert rows() == 0
    sending.advance_due()
    assert rows() == PEOPLE


def test_nobody_is_written_to_twice(due: int) -> None:
    """[M1] [L22] Not even when rows are written anew: the constraint says so."""
    sending.advance_due()
    with transaction() as session:
        campaign = session.get_one(Campaign, due)
        campaign.state = "scheduled"
    sending.advance_due()
    assert rows() == PEOPLE


def test_a_mail_taken_while_staff_pause_is_left_alone(due: int) -> None:
    """[M3] A worker marks one as being sent; the pause waits for that, and holds the others."""
    sending.advance_due()
    taken = {}
    with transaction() as worker, ThreadPoolExecutor(1) as staff:
        row = one_row(worker)
        row.state = "sending"
        worker.flush()
        taken["id"], taken["at"] = row.id, row.next_attempt_at
        pausing = staff.submit(pause, due)
        worker.commit()
        pausing.result()
    with transaction() as session:
        held = session.scalars(
            select(OutboxEmail.next_attempt_at).where(OutboxEmail.id != taken["id"])
        ).all()
        assert set(held) == {None}
        assert session.get_one(OutboxEmail, taken["id"]).next_attempt_at == taken["at"]


def one_row(session: Session) -> OutboxEmail:
    query = select(OutboxEmail).where(OutboxEmail.kind == "campaign").order_by(OutboxEmail.id)
    return session.scalars(query.limit(1).with_for_update()).one()


def pause(campaign_id: int) -> None:
    with transaction() as session:
        campaign = campaigns.find(session, campaign_id, to_change=True)
        assert campaign is not None
        campaigns.pause(session, campaign, factories.staff(session), newsroom.REASON)
