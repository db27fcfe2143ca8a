"""Refunds that staff ask for: the row first, then Stripe, once, whatever breaks off."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import AuditEntry
from membership.billing import gateway, giving_back
from membership.billing.giving_back import AskedOtherwiseError, TooMuchError
from membership.billing.models import Donation, Refund, Subscription
from membership.db import transaction
from membership.money import Money
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.reading import row, rows

Give = Callable[..., str]


def given(session: Session, stripe: Stripe, give: Give) -> Donation:
    stripe.pay(give())
    stripe.deliver_all()
    found: Donation = row(session, Donation)
    return found


def asked(
    session: Session, donation: Donation, minor: int = 500, refund_id: UUID | None = None
) -> UUID:
    refund = giving_back.ask(
        session,
        donation.id,
        Money(minor, "EUR"),
        refund_id=refund_id or uuid4(),
        actor_id=1,
        reason="They asked.",
    )
    session.flush()
    return refund.id


@pytest.mark.usefixtures("finance")
def test_a_dispute_that_staff_come_upon_ends_the_subscription(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B14] Stripe gives nothing back of it, and no event has told of it yet."""
    donation = given(session, stripe, give)
    refund_id = asked(session, donation)
    charge = next(each for each in stripe.all("charge") if each["paid"])
    stripe.sandbox("disputes", charge=charge["id"])
    assert giving_back.finish(refund_id) == "failed"
    assert row(session, Subscription).end_reason == "fraud"
    assert stripe.all("subscription")[0]["status"] == "canceled"


@pytest.fixture
def finance(session: Session) -> None:
    factories.staff(session, "finance", id=1)


@pytest.mark.usefixtures("finance")
def test_what_was_asked_is_done_and_written(session: Session, stripe: Stripe, give: Give) -> None:
    """[B7] The same row, before and after; a donation's sums follow."""
    donation = given(session, stripe, give)
    refund_id = asked(session, donation, 200)
    assert row(session, Refund).state == "asked"
    assert row(session, Donation).refunded_minor == 0
    assert giving_back.finish(refund_id) == "done"
    refund = row(session, Refund)
    (made,) = stripe.all("refund")
    assert (refund.id, refund.stripe_refund_id, refund.state) == (refund_id, made["id"], "done")
    assert made["metadata"] == {"refund": str(refund_id)}
    (told,) = stripe.events("charge.refunded")
    assert told["request"]["idempotency_key"].startswith(str(refund_id))
    assert row(session, Donation).refunded_minor == 200
    stripe.deliver_all()
    assert row(session, Refund).state == "done"
    assert (refund.actor_id, refund.reason) == (1, "They asked.")
    session.commit()
    entry = session.scalars(
        select(AuditEntry).where(AuditEntry.action == "donation.refunded")
    ).one()
    assert entry.subject == f"account:{donation.account_id}"
    assert entry.detail["reason"] == "They asked."


@pytest.mark.usefixtures("finance")
def test_no_more_than_is_left(session: Session, stripe: Stripe, give: Give) -> None:
    """[B7] What is asked for counts as gone; what Stripe refused does not."""
    donation = given(session, stripe, give)
    asked(session, donation, 300)
    with pytest.raises(TooMuchError) as refused:
        asked(session, donation, 201)
    assert refused.value.left == Money(200, "EUR")
    with pytest.raises(TooMuchError):
        giving_back.ask(
            session, donation.id, Money(100, "UAH"), refund_id=uuid4(), actor_id=1, reason="x"
        )
    giving_back.finish_due()
    assert asked(session, donation, 200)
    giving_back.finish_due()
    with pytest.raises(TooMuchError):
        asked(session, donation, 1)
    assert sum(each["amount"] for each in stripe.all("refund")) == 500


@pytest.mark.usefixtures("finance")
def test_the_same_form_twice_is_one_refund(session: Session, stripe: Stripe, give: Give) -> None:
    """[B7]"""
    donation = given(session, stripe, give)
    refund_id = uuid4()
    assert asked(session, donation, 200, refund_id) == asked(session, donation, 200, refund_id)
    giving_back.finish_due()
    asked(session, donation, 200, refund_id)
    giving_back.finish_due()
    assert len(stripe.all("refund")) == 1
    session.commit()
    assert len(rows(session, AuditEntry, action="donation.refunded")) == 1


@pytest.mark.usefixtures("finance")
@pytest.mark.parametrize("faults", [[503], [503, 503, 503], ["timeout", "timeout", "timeout"]])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_refund_is_made_once_however_stripe_fails(
    session: Session, stripe: Stripe, give: Give, faults: list[Any], before: int
) -> None:
    """[B7] [L6] At each request, and when only Stripe's answer was lost."""
    donation = given(session, stripe, give)
    refund_id = asked(session, donation, 200)
    session.commit()
    stripe.sandbox("faults", api_errors=[0] * before + faults)
    giving_back.finish_due()
    stripe.sandbox("faults", api_errors=[])
    # A replayed answer of a failure is forgotten after a day.
    stripe.move_clock(1.1)
    giving_back.finish_due()
    assert [each["amount"] for each in stripe.all("refund")] == [200]
    refund = row(session, Refund)
    assert (refund.id, refund.state) == (refund_id, "done")


@pytest.mark.usefixtures("finance")
def test_a_failure_that_stripe_replays_is_over_after_an_hour(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B7] For the same key Stripe gives the same answer all day, an answered 500 as well."""
    donation = given(session, stripe, give)
    asked(session, donation, 200)
    # The payment is read before.
    stripe.sandbox("faults", api_errors=[0, 500, 500, 500])
    giving_back.finish_due()
    assert stripe.all("refund") == []
    stripe.sandbox("faults", api_errors=[])
    stripe.move_clock(1 / 24)
    with clock.fixed(clock.now() + timedelta(hours=1)):
        giving_back.finish_due()
    assert [each["amount"] for each in stripe.all("refund")] == [200]


@pytest.mark.usefixtures("finance")
def test_the_same_form_with_something_else_is_refused(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B7]"""
    donation = given(session, stripe, give)
    refund_id = asked(session, donation, 200)
    with pytest.raises(AskedOtherwiseError) as refused:
        asked(session, donation, 300, refund_id)
    assert refused.value.amount == Money(200, "EUR")
    other = factories.donation(session, factories.account(session))
    with pytest.raises(AskedOtherwiseError):
        asked(session, other, 200, refund_id)
    assert row(session, Refund).amount_minor == 200


@pytest.mark.usefixtures("finance")
def test_what_stripe_did_before_a_crash_is_found_after_its_key_is_forgotten(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B7] Killed between Stripe's refund and our commit, and down for two days."""
    donation = given(session, stripe, give)
    refund_id = asked(session, donation, 200)
    gateway.refund(
        str(donation.stripe_payment_intent_id),
        {"refund": str(refund_id)},
        idempotency_key=f"{refund_id}:before",
        amount=Money(200, "EUR"),
    )
    stripe.move_clock(2)
    giving_back.finish_due()
    assert [each["amount"] for each in stripe.all("refund")] == [200]
    assert row(session, Refund).state == "done"


@pytest.mark.usefixtures("finance")
def test_what_stripe_refuses_is_said_and_left(session: Session, stripe: Stripe, give: Give) -> None:
    """[B7] A bank was faster: nothing goes back, and nothing is tried again."""
    donation = given(session, stripe, give)
    refund_id = asked(session, donation, 200)
    stripe.sandbox("disputes", charge=stripe.all("charge")[0]["id"])
    assert giving_back.finish(refund_id) == "failed"
    assert row(session, Refund).last_error == "charge_disputed"
    giving_back.finish_due()
    assert stripe.all("refund") == []


@pytest.mark.usefixtures("finance")
@pytest.mark.parametrize("lost", ["stripe_payment_intent_id", "stripe_subscription_id"])
def test_what_stripe_does_not_know(session: Session, stripe: Stripe, give: Give, lost: str) -> None:
    """[B7] Without the payment it is given up once and another may be asked for; the subscription
    alone stops nothing.
    """
    donation = given(session, stripe, give)
    found: Donation | Subscription = donation
    if lost == "stripe_subscription_id":
        found = row(session, Subscription)
    kept = getattr(found, lost)
    setattr(found, lost, f"{kept}lost")
    refund_id = asked(session, donation, 200)
    if found is not donation:
        assert giving_back.finish(refund_id) == "done"
        assert row(session, Donation).refunded_minor == 200
        return
    assert giving_back.finish(refund_id) == "failed"
    assert row(session, Refund).last_error == "resource_missing"
    donation.stripe_payment_intent_id = kept
    giving_back.finish_due()
    assert stripe.all("refund") == []
    assert giving_back.finish(asked(session, donation, 500)) == "done"


@pytest.mark.usefixtures("finance")
def test_one_that_goes_wrong_does_not_hold_up_the_rest(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[L7]"""
    donation = given(session, stripe, give)
    asked(session, donation, 100)
    asked(session, donation, 200)
    stripe.sandbox("faults", api_errors=[503, 503, 503])
    giving_back.finish_due()
    assert len(rows(session, Refund, state="asked")) == 1
    assert len(stripe.all("refund")) == 1


def test_parallel_submits_give_one_refund(committed: Engine, stripe: Stripe, give: Give) -> None:
    """[B7] Two clicks of one form, and two tabs that want all of it: the money goes back once."""
    stripe.pay(give())
    stripe.deliver_all()
    with transaction() as session:
        factories.staff(session, "finance", id=77)
        donation = session.scalars(select(Donation)).one()
    one, other = uuid4(), uuid4()
    start = threading.Barrier(4)
    refused: list[Exception] = []
    app = stripe.receiver.application

    def act(refund_id: UUID) -> None:
        start.wait()
        with app.app_context():
            try:
                with transaction() as session:
                    giving_back.ask(
                        session,
                        donation.id,
                        Money(500, "EUR"),
                        refund_id=refund_id,
                        actor_id=77,
                        reason="They asked.",
                    )
            except TooMuchError as error:
                refused.append(error)
                return
            giving_back.finish(refund_id)

    clicks = [threading.Thread(target=act, args=(each,)) for each in (one, one, other, other)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert len(refused) == 2
    assert [each["amount"] for each in stripe.all("refund")] == [500]
    with transaction() as session:
        assert row(session, Refund).state == "done"
        assert len(rows(session, AuditEntry, action="donation.refunded")) == 1
