"""What is said in good time, and that it is said once."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.dunning import notices
from membership.billing.models import Checkout, Donation, Subscription
from tests import factories
from tests.billing.reading import mails

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with clock.fixed(NOW):
        yield


def days(number: float) -> datetime:
    return NOW + timedelta(days=number)


def yearly(session: Session, ahead: float = 14, **values: Any) -> Subscription:
    reader = factories.account(session)
    defaults = {"interval": "year", "amount_minor": 5000, "current_period_end_at": days(ahead)}
    return factories.subscription(session, reader, **(defaults | values))


def monthly(session: Session, card_expires_on: date | None, **values: Any) -> Subscription:
    reader = factories.account(session)
    defaults = {"current_period_end_at": days(29), "card_last4": "4242"}
    return factories.subscription(
        session, reader, card_expires_on=card_expires_on, **(defaults | values)
    )


def gave_once(session: Session, ago: float, **values: Any) -> Account:
    reader = factories.account(session)
    checkout = factories.add(
        session,
        Checkout(
            id=uuid4(),
            email=reader.email,
            language="en",
            interval="once",
            amount_minor=500,
            currency="EUR",
            purpose=values.pop("purpose", "support"),
        ),
    )
    factories.donation(session, reader, checkout_id=checkout.id, paid_at=days(-ago), **values)
    return reader


def test_a_yearly_charge_is_announced_two_weeks_before_once(session: Session) -> None:
    """[B12] [L10] [L16]"""
    due = yearly(session)
    yearly(session, ahead=14.1)
    yearly(session, ahead=-0.1)
    assert notices.notify_due() == 1
    assert notices.notify_due() == 0
    reader = session.get_one(Account, due.account_id)
    assert mails(session) == [("renewal_ahead", reader.email)]


@pytest.mark.parametrize("state", ["past_due", "paused", "cancel_scheduled", "ended", "incomplete"])
def test_only_what_will_be_charged_is_announced(session: Session, state: str) -> None:
    yearly(session, state=state)
    monthly(session, date(2026, 5, 31), state=state)
    assert notices.notify_due() == 0


def test_monthly_charges_are_not_announced(session: Session) -> None:
    yearly(session, interval="month")
    assert notices.notify_due() == 0


def test_the_next_year_is_announced_again(session: Session) -> None:
    """[L16] Once per charge, not once for ever; a new address changes nothing."""
    due = yearly(session)
    notices.notify_due()
    session.get_one(Account, due.account_id).email = "new@example.org"
    session.flush()
    assert notices.notify_due() == 0
    due.current_period_end_at = days(365 + 14)
    session.flush()
    with clock.fixed(days(366)):
        assert notices.notify_due() == 1


@pytest.mark.parametrize(
    ("expires_on", "ahead", "is_told"),
    [
        (date(2026, 6, 30), 29.4, False),
        (date(2026, 6, 30), 29.6, True),
        (date(2026, 6, 29), 29, True),
        (date(2026, 6, 30), 30, True),
        (date(2026, 6, 30), 31, False),
        (date(2026, 5, 31), 3, True),
        (date(2026, 7, 31), 29, False),
        (None, 29, False),
    ],
)
def test_a_card_that_ends_before_its_next_charge_is_told(
    session: Session, expires_on: date | None, ahead: float, is_told: bool
) -> None:
    """[B12] From thirty days before the charge; the card is good all of its last day."""
    monthly(session, expires_on, current_period_end_at=days(ahead))
    assert notices.notify_due() == int(is_told)
    assert notices.notify_due() == 0


def test_a_new_card_that_ends_is_another_matter(session: Session) -> None:
    """[L16]"""
    due = monthly(session, date(2026, 5, 31))
    assert notices.notify_due() == 1
    due.card_expires_on = date(2026, 6, 15)
    session.flush()
    assert notices.notify_due() == 1


def test_who_gave_once_is_asked_once_after_a_month(session: Session) -> None:
    """[L16]"""
    reader = gave_once(session, 30)
    gave_once(session, 29.9)
    gave_once(session, 61)
    assert notices.notify_due() == 1
    assert mails(session) == [("invitation", reader.email)]
    with clock.fixed(days(10)):
        reader.email = "new@example.org"
        session.flush()
        assert notices.notify_due() == 1  # the second reader, now
    assert len(mails(session)) == 2


def test_an_early_gift_counts_from_the_first(session: Session) -> None:
    """Whoever gave long ago and again was not asked then, and is not asked now."""
    reader = gave_once(session, 200)
    other = gave_once(session, 35)
    for each in session.query(Donation).filter_by(account_id=other.id):
        each.account_id = reader.id
    session.flush()
    assert notices.notify_due() == 0


@pytest.mark.parametrize("state", ["active", "ended", "incomplete", "past_due"])
def test_who_has_or_had_support_is_never_asked(session: Session, state: str) -> None:
    reader = gave_once(session, 35)
    factories.subscription(session, reader, state=state)
    assert notices.notify_due() == 0


@pytest.mark.parametrize(
    "values",
    [
        {"refunded_minor": 400, "refunded_at": NOW},
        {"refunded_minor": 1, "refunded_at": NOW},
        {"disputed_at": NOW},
        {"purpose": "gift"},
        {"purpose": "pool"},
    ],
)
def test_who_took_it_back_or_gave_to_others_is_not_asked(
    session: Session, values: dict[str, Any]
) -> None:
    gave_once(session, 35, **values)
    assert notices.notify_due() == 0


def test_who_is_leaving_gets_nothing(session: Session) -> None:
    """[L24]"""
    for due in (yearly(session), monthly(session, date(2026, 5, 31))):
        session.get_one(Account, due.account_id).delete_after_at = days(7)
    gave_once(session, 35).deleted_at = NOW
    session.flush()
    assert notices.notify_due() == 0


def test_batch_after_batch(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """[L7] A run takes as many batches as it needs, and each reader once."""
    monkeypatch.setattr(notices, "BATCH", 2)
    for _ in range(5):
        yearly(session)
    assert notices.notify_due() == 5
    assert len(set(mails(session))) == 5
