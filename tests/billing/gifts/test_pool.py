"""The pool: what it has, and granting from it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import current_app
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from membership.accounts.models import AuditEntry
from membership.billing.gifts import pool, redeeming, sending
from membership.billing.gifts.models import Gift
from membership.billing.gifts.pool import AlreadyGrantedError, Grant, PoolTooSmallError
from membership.billing.models import Checkout, Donation
from membership.db import transaction
from membership.mail.models import OutboxEmail
from membership.voting.eligibility import is_eligible
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.gifts.steps import checkout, text_of
from tests.billing.reading import mails, row, rows


def paid_in(session: Session, minor: int = 1200, **values: Any) -> Donation:
    giver = factories.account(session)
    paid = checkout(session, giver, purpose="pool", amount_minor=minor)
    free = {"fee_minor": 0, "fee_currency": values.get("currency", "EUR")}
    return factories.donation(
        session, giver, checkout_id=paid.id, amount_minor=minor, **(free | values)
    )


def wanted(**values: Any) -> Grant:
    defaults = {
        "email": "friend@example.org",
        "language": "en",
        "months": 3,
        "currency": "EUR",
        "reason": "Wrote to us that the pension is late.",
    }
    return Grant(**(defaults | values))


def test_a_coffee_is_paid_into_the_pool(
    stripe: Stripe, session: Session, client: FlaskClient
) -> None:
    assert "Give €4 once" in client.get("/support/pool?currency=EUR").text
    form = {"currency": "EUR", "preset_once": "12", "email": "giver@example.org"}
    answer = client.post("/support/pool", data=form)
    assert answer.status_code == 303, answer.text
    stripe.pay(answer.location)
    stripe.deliver_all()
    assert row(session, Checkout).purpose == "pool"
    assert ("receipt", "giver@example.org") in mails(session)
    assert not rows(session, Gift)
    found = pool.balance(session, "EUR")
    fee = row(session, Donation).fee_minor
    assert fee
    assert (found.left.minor, found.months) == (1200 - fee, 2)
    assert not is_eligible(session, row(session, Donation).account_id)


def test_the_pool_has_what_is_settled_less_what_went_back_and_was_granted(
    session: Session,
) -> None:
    paid_in(session)
    paid_in(session, refunded_minor=200, refunded_at=factories.NOON)
    paid_in(session, disputed_at=factories.NOON)
    paid_in(session, currency="UAH")
    factories.donation(session, factories.account(session))
    found = pool.balance(session, "EUR")
    assert found.given.minor == 2200
    staff = factories.staff(session, "finance")
    pool.grant(session, wanted(), staff.id)
    assert pool.balance(session, "EUR").left.minor == 1000
    assert pool.balance(session, "UAH").left.minor == 1200


@pytest.mark.parametrize(
    ("fee", "currency", "left"),
    [(48, "EUR", 1152), (None, None, 1140), (2000, "UAH", 1140)],
)
def test_card_fees_are_not_granted(
    session: Session, fee: int | None, currency: str | None, left: int
) -> None:
    """Stripe's where it is known in the same currency; else 2.9 % and 25 cents, as listed."""
    paid_in(session, 1200, fee_minor=fee, fee_currency=currency)
    assert pool.balance(session, "EUR").left.minor == left


def test_what_went_back_is_never_owed_to_the_pool(session: Session) -> None:
    """Stripe keeps the fee of what is refunded; that is not for other readers to pay."""
    paid_in(session)
    paid_in(session, refunded_minor=1200, refunded_at=factories.NOON, fee_minor=48)
    assert pool.balance(session, "EUR").given.minor == 1200


def test_refunds_after_a_grant_leave_nothing_and_are_said(session: Session) -> None:
    donation = paid_in(session)
    pool.grant(session, wanted(), factories.staff(session, "finance").id)
    donation.refunded_minor = 500
    session.flush()
    found = pool.balance(session, "EUR")
    assert (found.left.minor, found.short.minor, found.months) == (0, 500, 0)


def test_a_grant_is_a_gift_whose_letter_leaves_at_once(
    session: Session, client: FlaskClient
) -> None:
    """[S9] With its reason in the audit log, and without the recipient there."""
    paid_in(session)
    staff = factories.staff(session, "finance")
    present = pool.grant(session, wanted(), staff.id)
    assert (present.state, present.months, present.amount_minor) == ("ready", 3, 1200)
    session.commit()
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "pool.granted")).one()
    assert (entry.actor_id, entry.subject) == (staff.id, f"gift:{present.id}")
    assert entry.detail["reason"].startswith("Wrote to us")
    assert "friend@example.org" not in str(entry.detail)
    assert sending.send_due() == 1
    assert mails(session) == [("gift", "friend@example.org")]
    text = text_of(row(session, OutboxEmail))
    assert "Readers of ours have paid for 3 months" in text
    reader = factories.account(session)
    redeeming.take(session, present.id, reader.id)
    assert is_eligible(session, reader.id)


def test_no_more_is_granted_than_there_is(session: Session) -> None:
    paid_in(session)
    staff = factories.staff(session, "finance")
    with pytest.raises(PoolTooSmallError):
        pool.grant(session, wanted(months=4), staff.id)
    with pytest.raises(PoolTooSmallError):
        pool.grant(session, wanted(currency="UAH"), staff.id)
    assert not rows(session, Gift)


def test_one_reader_has_one_grant_at_a_time(session: Session) -> None:
    """So a form that is sent twice grants once."""
    paid_in(session, 4800)
    staff = factories.staff(session, "finance")
    first = pool.grant(session, wanted(), staff.id)
    with pytest.raises(AlreadyGrantedError):
        pool.grant(session, wanted(email="FRIEND@example.org"), staff.id)
    first.state = "sent"
    redeeming.take(session, first.id, factories.account(session).id)
    with pytest.raises(AlreadyGrantedError):
        pool.grant(session, wanted(), staff.id)
    first.ends_at = factories.NOON
    session.flush()
    assert pool.grant(session, wanted(), staff.id)


def test_two_grants_at_once_never_overdraw(committed: Engine) -> None:
    with transaction() as session:
        paid_in(session, 1200)
        staff_id = factories.staff(session, "finance").id
    app = current_app._get_current_object()

    def grant(number: int) -> bool:
        with app.app_context(), transaction() as session:
            try:
                pool.grant(session, wanted(email=f"reader{number}@example.net"), staff_id)
            except PoolTooSmallError:
                return False
        return True

    with ThreadPoolExecutor(6) as threads:
        granted = list(threads.map(grant, range(6)))
    assert granted.count(True) == 1
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(Gift)) == 1
        assert pool.balance(session, "EUR").left.minor == 0
