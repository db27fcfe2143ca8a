"""Stripe promises no order: whatever comes first, the same rows and letters stand in the end."""

from collections.abc import Callable
from contextlib import ExitStack
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy.orm import Session

from membership.billing import inbox
from membership.billing.dunning import reminders
from membership.billing.dunning.models import Dunning
from tests.billing.conftest import Stripe
from tests.billing.dunning.conftest import NO_MONEY, PAYS, Life
from tests.billing.reading import row, rows

FAILED = "invoice.payment_failed"
UPDATED = "customer.subscription.updated"
INVOICE = "invoice.updated"
PAID = "invoice.paid"
DELETED = "customer.subscription.deleted"


def final_rows(life: Life) -> dict[str, Any]:
    """What must be the same, without numbers and times that say when it was written."""
    found = life.dunning
    return {
        "payment": (found.amount_minor, found.kind, found.decline_code, found.attempts),
        "failed_at": found.failed_at,
        "recovered": (found.recovered_at is not None, found.recovered_by),
        "given_up_at": found.given_up_at,
        "subscription": (life.subscription.state, life.subscription.end_reason),
        "mails": sorted(kind for kind, _ in life.mails()),
    }


def hear(life: Life, order: tuple[str, ...]) -> None:
    """The latest event of each type, one after the other, with all work between; all twice."""
    waiting = {event["type"]: event for event in life.stripe.events(*order)}
    assert set(waiting) == set(order)
    for kind in order:
        life.stripe.deliver(waiting[kind])
        assert inbox.process_due() == 1
        reminders.remind_due()
    life.work()
    life.hear_all_again()
    life.work()


@pytest.mark.parametrize(
    "order", list(permutations((FAILED, UPDATED, INVOICE))), ids=lambda _: None
)
def test_a_failure_is_the_same_in_any_order(life: Life, order: tuple[str, ...]) -> None:
    """[L4] [L16] Any event that tells of it is enough."""
    life.let_card(NO_MONEY)
    life.renew()
    asked_at = life.stripe.all("invoice")[-1]["status_transitions"]["finalized_at"]
    hear(life, order)
    found = final_rows(life)
    assert int(found.pop("failed_at").timestamp()) == asked_at
    assert found == {
        "payment": (500, "soft", "insufficient_funds", 1),
        "recovered": (False, None),
        "given_up_at": None,
        "subscription": ("past_due", None),
        "mails": ["payment_failed"],
    }


@pytest.mark.parametrize(
    "order", list(permutations((FAILED, UPDATED, DELETED))), ids=lambda _: None
)
def test_an_end_is_the_same_in_any_order(life: Life, order: tuple[str, ...]) -> None:
    """[L4] [L16] All was over before we heard of anything: one notice, no letters."""
    life.let_card(NO_MONEY)
    life.renew()
    life.pass_days(20)
    hear(life, order)
    found = final_rows(life)
    del found["failed_at"]
    assert found == {
        "payment": (500, "soft", "insufficient_funds", 4),
        "recovered": (False, None),
        "given_up_at": life.subscription.ended_at,
        "subscription": ("ended", "payment_failed"),
        "mails": ["support_ended_unpaid"],
    }


@pytest.mark.parametrize("order", list(permutations((FAILED, UPDATED, PAID))), ids=lambda _: None)
def test_a_recovery_is_the_same_in_any_order(life: Life, order: tuple[str, ...]) -> None:
    """[L4] [L16] The failure was known; then a second one and the payment come mixed up."""
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    life.pass_days(3.1)
    life.let_card(PAYS)
    life.pass_days(5.1)
    hear(life, order)
    found = final_rows(life)
    del found["failed_at"]
    assert found == {
        "payment": (500, "soft", "insufficient_funds", 3),
        "recovered": (True, "retry"),
        "given_up_at": None,
        "subscription": ("active", None),
        "mails": ["payment_failed", "payment_recovered"],
    }


def test_a_late_failure_does_not_reopen_what_is_paid(life: Life) -> None:
    """[B3] [L4]"""
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    late = life.stripe.all("event")
    late = [event for event in late if event["type"] == FAILED][-1]
    life.let_card(PAYS)
    life.live_days(4)
    before = final_rows(life)
    life.stripe.deliver({**late, "id": "evt_again"})
    life.work()
    assert final_rows(life) == before
    assert before["recovered"] == (True, "retry")


def test_a_failed_first_payment_is_no_dunning(
    session: Session, stripe: Stripe, give: Callable[..., str]
) -> None:
    """[B12] [L3] Whoever pays first is on the payment page and sees it there."""
    stripe.pay(give(), NO_MONEY)
    stripe.deliver_all()
    with ExitStack() as times:
        life = Life(session, stripe, times)
        life.live_days(3)
        assert rows(session, Dunning) == []
        assert life.mails() == []


def test_two_unpaid_months_are_one_series_of_letters(life: Life) -> None:
    """[L16] The second month's payment has a row of its own, and no letters beside the first's."""
    life.let_card(NO_MONEY)
    life.renew()
    life.work()
    first = life.dunning
    second = Dunning(
        subscription_id=first.subscription_id,
        stripe_invoice_id=life.stripe.all("invoice")[0]["id"],
        amount_minor=500,
        currency="EUR",
        kind="soft",
        failed_at=life.now(),
        next_letter_at=life.now(),
    )
    life.session.add(second)
    life.session.flush()
    # Stripe has that one open as well.
    life.stripe.change(second.stripe_invoice_id, status="open", billing_reason="subscription_cycle")
    life.pass_days(0.01)
    reminders.remind_due()
    assert row(life.session, Dunning, id=second.id).letters == 0
    assert [kind for kind, _ in life.mails()] == ["payment_failed"]
