"""The week in figures by mail, for the staff who asked for it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.db import transaction
from membership.mail.models import OutboxEmail
from membership.reports import rollups, summary
from membership.reports.models import SummaryReader
from membership.reports.summary import KIND
from membership.reports.weeks import Week, sums_of, week_due
from membership.voting import paper, rounds
from tasks import reports as tasks
from tests import factories
from tests.accounts import mailbox
from tests.newsletter.steps import KYIV, subject, told, written
from tests.reports.giving import joins, leaves, pays
from tests.reports.participating import patrons

# In Kyiv; the letter about 9 to 15 November is due from then on.
MONDAY = datetime(2026, 11, 16, 8, tzinfo=KYIV)
IN_WEEK = datetime(2026, 11, 12, 12, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


def run_at(at: datetime) -> None:
    with clock.fixed(at):
        tasks.summarise()


def reader(session: Session, role: str | None = "editor", **values: object) -> Account:
    found = factories.account(session, role=role, **values)
    session.add(SummaryReader(account_id=found.id))
    session.flush()
    return found


@pytest.mark.parametrize(
    ("at", "week"),
    [
        (MONDAY - HOUR, None),
        (MONDAY, "2026-W46"),
        (MONDAY + DAY + 15 * HOUR, "2026-W46"),
        (MONDAY + 2 * DAY, None),
        (datetime(2027, 1, 4, 9, tzinfo=KYIV), "2026-W53"),
    ],
)
def test_when_it_is_due(at: datetime, week: str | None) -> None:
    """[M8] On Mondays from eight, or on Tuesdays when beat slept; of the week that is over."""
    due = week_due(at)
    assert (due.name if due else None) == week


def test_it_leaves_once_a_week_to_each_who_asked(session: Session) -> None:
    """[M1] [L16] Whatever beat does; nobody else gets one."""
    wants = reader(session)
    factories.staff(session)
    run_at(MONDAY - HOUR)
    assert told(session, KIND) == []
    for later in (0 * HOUR, HOUR, DAY):
        run_at(MONDAY + later)
    (mail,) = written(session, KIND)
    assert (mail.recipient, mail.account_id, mail.subject) == (
        wants.email,
        wants.id,
        "week:2026-W46",
    )
    assert mail.not_after_at == MONDAY + 2 * DAY
    assert not mail.is_bulk
    run_at(MONDAY + WEEK)
    assert [each.subject for each in written(session, KIND)] == ["week:2026-W46", "week:2026-W47"]


def test_not_to_who_has_lost_the_role_or_is_leaving(session: Session) -> None:
    """[S8]"""
    reader(session, role=None)
    reader(session, delete_after_at=MONDAY + DAY)
    left = reader(session)
    left.role = None
    session.flush()
    run_at(MONDAY)
    assert told(session, KIND) == []


def test_the_week_in_figures(session: Session) -> None:
    """[D1] Counts and money with their change, and one sentence."""
    old = patrons(session, 10, IN_WEEK - 5 * WEEK)
    patrons(session, 1, IN_WEEK - WEEK)
    joins(session, IN_WEEK, amount_minor=900)
    leaves(session, old[0], IN_WEEK)
    for number in range(5):
        pays(session, factories.account(session), IN_WEEK, amount_minor=1000 + number)
    finance = reader(session, "finance")
    run_at(MONDAY)
    (mail,) = written(session, KIND)
    assert subject(mail) == "The week in figures: 9 November to 15 November 2026"
    said = mailbox.text(mailbox.all_to(finance.email)[-1])
    for line in (
        "1 patron joined, 1 left or paused: 11 gave as it ended.",
        "Patrons: 11 (0)",
        "New, or back again: 1 (0)",
        "Left, or paused: 1 (+1)",
        "MRR, EUR: €49 (+€5)",
        "Received, EUR: €59.10 (+€55.10)",
        "One-time, EUR: €50.10 (+€50.10)",
        "http://localhost/staff/",
        "http://localhost/staff/my-mail",
    ):
        assert line in said


def test_others_see_no_amounts(session: Session) -> None:
    """[S8] [S10] This week's beside last week's would tell what one person gives."""
    patrons(session, 10, IN_WEEK - 5 * WEEK)
    joins(session, IN_WEEK, amount_minor=900)
    for _ in range(5):
        pays(session, factories.account(session), IN_WEEK, amount_minor=1000)
    for role in ("finance", "admin", "editor", "reporter"):
        reader(session, role, email=f"{role}@example.org")
    run_at(MONDAY)
    letters = {mail.recipient.split("@")[0]: mail.context for mail in written(session, KIND)}
    assert letters["finance"] == letters["admin"]
    assert letters["editor"] == letters["reporter"]
    assert letters["editor"]["figures"] == [
        ["Patrons", "11", "+1"],
        ["New, or back again", "1", "+1"],
        ["Left, or paused", "0", "0"],
    ]
    assert ["MRR, EUR", "€49", "+€9"] in letters["finance"]["figures"]


def test_what_waits_for_a_person(session: Session) -> None:
    """[V4] As on the overview; of an open vote nothing."""
    factories.topic(session, state="suggested")
    voter = factories.patron(session)
    wants = reader(session)
    run_at(MONDAY)
    before = mailbox.all_to(wants.email)[-1].context
    # And that this machine's clock is off, which is so in a test that sets it.
    assert "Topics nobody has read yet: 1" in before["needs"]
    held = factories.round_(session)
    run_at(MONDAY + WEEK)
    with session.begin_nested() as voted:
        chosen = paper.options(session, held.id)[0]
        rounds.cast(session, held.id, voter.id, [chosen.id])
        run_at(MONDAY + 2 * WEEK)
        with_vote = mailbox.all_to(wants.email)[-1].context
        voted.rollback()
    session.expire_all()
    run_at(MONDAY + 2 * WEEK)
    without = mailbox.all_to(wants.email)[-1]
    assert (without.subject, without.context) == ("week:2026-W48", with_vote)


def test_the_letter_in_ukrainian_is_ukrainian(session: Session) -> None:
    """[M7] Dates and amounts as its reader writes them."""
    reader(session, "finance", language="uk")
    run_at(MONDAY)
    (mail,) = written(session, KIND)
    assert mail.context["first"] == "9 листопада"
    assert mail.context["overview_url"] == "http://localhost/uk/staff/"


def test_the_figures_are_those_of_the_rollups(session: Session) -> None:
    """[D1] Nothing is left out: patrons before, what came and what went make those after."""
    given = patrons(session, 6, IN_WEEK - 3 * WEEK)
    leaves(session, given[0], IN_WEEK - WEEK)
    leaves(session, given[1], IN_WEEK, "payment_failed")
    rollups.rebuild(session)
    sums = sums_of(session, Week(date(2026, 11, 9)))
    assert (sums.patrons_before, sums.joined, sums.left, sums.patrons) == (5, 0, 1, 4)
    assert (sums.joined_before, sums.left_before) == (0, 1)
    (purse,) = sums.purses
    assert (purse.mrr, purse.mrr_change) == (1600, -400)


def test_asking_for_it_is_written_down_once(session: Session) -> None:
    """[S9]"""
    me = factories.staff(session)
    for wanted in (True, True, False, False):
        summary.choose(session, me, wanted=wanted)
    assert not summary.is_reader(session, me)
    session.commit()
    deeds = select(AuditEntry.action).where(AuditEntry.actor_id == me.id).order_by(AuditEntry.id)
    assert session.scalars(deeds).all() == ["summary.asked_for", "summary.left"]


@pytest.mark.usefixtures("committed")
def test_four_workers_write_one_letter(app: Flask) -> None:
    """[V11] [L16]"""
    with transaction() as session:
        reader(session)
    ready = threading.Barrier(4)

    def once_all_are_ready(_: int) -> None:
        ready.wait(timeout=30)
        run_at(MONDAY)

    with ThreadPoolExecutor(4, initializer=lambda: app.app_context().push()) as pool:
        list(pool.map(once_all_are_ready, range(4)))
    with transaction() as session:
        assert len(session.scalars(select(OutboxEmail.id)).all()) == 1
