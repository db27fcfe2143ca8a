"""Donations that staff enter by hand."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import current_app
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing.gifts import manual
from membership.billing.gifts.manual import Entry
from membership.billing.models import Donation, Refund
from membership.db import transaction
from membership.money import Money
from membership.reports import rollups
from membership.reports.models import DailyFigures
from membership.voting.eligibility import is_eligible
from tests import factories
from tests.billing.reading import mails, row, rows

ENTRY = UUID("6f1fd0b5-4a1d-4e26-9d4e-0b8a7a0f0e11")


def entry(**values: Any) -> Entry:
    defaults = {
        "id": ENTRY,
        "email": "giver@example.org",
        "name": "Olena Koval",
        "language": "uk",
        "method": "transfer",
        "reference": "KAVA-1-98",
        "amount": Money(5000, "EUR"),
        "received_on": date(2026, 3, 2),
    }
    return Entry(**(defaults | values))


def test_what_came_is_a_one_time_donation_of_an_account(session: Session) -> None:
    """[V3] It gives no vote."""
    staff = factories.staff(session, "finance")
    written = manual.enter(session, entry(), staff.id)
    account = row(session, Account, email="giver@example.org")
    assert (account.name, account.language, account.verified_at) == ("Olena Koval", "uk", None)
    assert (written.provider, written.method, written.entered_by_id) == (
        "manual",
        "transfer",
        staff.id,
    )
    assert written.account_id == account.id
    assert written.paid_at == datetime(2026, 3, 2, 10, tzinfo=UTC), "noon in Kyiv"
    assert mails(session) == [("receipt", "giver@example.org")]
    assert not is_eligible(session, account.id)
    session.commit()
    entered = session.scalars(select(AuditEntry)).one()
    assert (entered.action, entered.subject) == ("donation.entered", f"account:{account.id}")


def test_it_counts_as_one_time_income(session: Session) -> None:
    """[D1]"""
    staff = factories.staff(session, "finance")
    written = manual.enter(session, entry(), staff.id)
    rollups.rebuild(session)
    day = row_of(session, date(2026, 3, 2))
    assert (day.one_time_minor, day.one_time_gifts, day.received_minor) == (5000, 1, 5000)
    with clock.fixed(datetime(2026, 3, 5, 12, tzinfo=UTC)):
        assert manual.take_back(session, written.id, "Entered twice.", staff.id)
    rollups.rebuild(session)
    assert row_of(session, date(2026, 3, 2)).one_time_minor == 5000
    assert row_of(session, date(2026, 3, 5)).one_time_minor == -5000


def row_of(session: Session, day: date) -> DailyFigures:
    return session.scalars(
        select(DailyFigures)
        .where(DailyFigures.day == day)
        .execution_options(populate_existing=True)
    ).one()


def test_without_a_receipt_nothing_is_mailed(session: Session) -> None:
    staff = factories.staff(session, "finance")
    manual.enter(session, entry(with_receipt=False), staff.id)
    assert mails(session) == []


def test_the_same_form_sent_twice_is_one_donation(session: Session) -> None:
    staff = factories.staff(session, "finance")
    first = manual.enter(session, entry(), staff.id)
    assert manual.enter(session, entry(), staff.id).id == first.id
    manual.enter(session, entry(id=uuid4()), staff.id)
    assert len(rows(session, Donation)) == 2
    session.commit()
    assert len(rows(session, AuditEntry, action="donation.entered")) == 2


def test_the_same_form_sent_many_times_at_once_is_one_donation(committed: Engine) -> None:
    """[L16]"""
    with transaction() as session:
        staff_id = factories.staff(session, "finance").id
    app = current_app._get_current_object()

    def enter(_number: int) -> int:
        with app.app_context(), transaction() as session:
            return manual.enter(session, entry(), staff_id).id

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(enter, range(6)))) == 1
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(Donation)) == 1
        assert len(mails(session)) == 1


def test_an_account_that_is_there_keeps_its_name_and_language(session: Session) -> None:
    giver = factories.account(session, email="giver@example.org", name="O.")
    manual.enter(session, entry(), factories.staff(session, "finance").id)
    assert row(session, Donation).account_id == giver.id
    assert (giver.name, giver.language) == ("O.", "en")


def test_a_day_that_has_begun_is_not_in_the_future(session: Session) -> None:
    """Entered at eight in the morning, it came before noon."""
    staff = factories.staff(session, "finance")
    with clock.fixed(datetime(2026, 3, 2, 6, tzinfo=UTC)):
        written = manual.enter(session, entry(), staff.id)
        assert written.paid_at == clock.now()


def test_a_mistake_is_countered_once_and_nothing_is_deleted(session: Session) -> None:
    staff = factories.staff(session, "finance")
    written = manual.enter(session, entry(), staff.id)
    assert manual.take_back(session, written.id, "Entered twice.", staff.id)
    assert not manual.take_back(session, written.id, "Again.", staff.id)
    refund = row(session, Refund)
    assert (refund.amount_minor, refund.state, refund.actor_id, refund.reason) == (
        5000,
        "done",
        staff.id,
        "Entered twice.",
    )
    donation = row(session, Donation)
    assert (donation.amount_minor, donation.refunded_minor) == (5000, 5000)
    assert donation.refunded_at == refund.refunded_at
    session.commit()
    assert len(rows(session, AuditEntry, action="donation.taken_back")) == 1


def test_what_stripe_took_is_not_taken_back_here(session: Session) -> None:
    donation = factories.donation(session, factories.account(session))
    staff = factories.staff(session, "finance")
    for number in (donation.id, 10**6):
        with pytest.raises(manual.NotManualError):
            manual.take_back(session, number, "Why not.", staff.id)
    assert not rows(session, Refund)
