"""Stripe hears of a patron's new mail address: a row says that it is due until it has."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import belongings
from membership.accounts.models import Account
from membership.billing import customers, forgetting, gateway
from membership.billing.models import Checkout, CustomerAddress, Subscription
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.reading import row

OLD = "reader@example.org"
NEW = "reader@other.example"
Give = Callable[..., str]


@pytest.fixture
def patron(session: Session, stripe: Stripe, give: Give) -> Account:
    stripe.pay(give())
    stripe.deliver_all()
    found: Account = row(session, Account)
    return found


def move(session: Session, account: Account, new: str = NEW) -> None:
    """What a change of address does once it is proven."""
    old, account.email = account.email, new
    session.flush()
    belongings.move(session, old, new)


def due(session: Session) -> list[CustomerAddress]:
    return list(session.scalars(select(CustomerAddress)))


def emails(stripe: Stripe) -> list[str]:
    return [each["email"] for each in stripe.all("customer")]


def test_stripe_hears_of_the_new_address(session: Session, stripe: Stripe, patron: Account) -> None:
    """[S5] Its customer has it; then nothing is due."""
    assert emails(stripe) == [OLD]
    move(session, patron)
    customers.tell_due()
    assert emails(stripe) == [NEW]
    assert due(session) == []


def test_it_stays_due_while_stripe_is_away(
    session: Session, stripe: Stripe, patron: Account
) -> None:
    """[S5] The account changes at once; nothing is half done, only late."""
    move(session, patron)
    stripe.sandbox("faults", api_errors=[429] * 40)
    customers.tell_due()
    stripe.sandbox("faults", api_errors=[])
    assert emails(stripe) == [OLD]
    customers.tell_due()
    assert emails(stripe) == [NEW]


def test_one_that_fails_does_not_hold_up_the_rest(
    session: Session, stripe: Stripe, patron: Account
) -> None:
    """[L7] It waits longer each time."""
    other = factories.account(session)
    start = clock.now()
    with clock.fixed(start):
        poison = CustomerAddress(
            stripe_customer_id="cus_of_another",
            account_id=other.id,
            changed_at=start,
            next_attempt_at=start - timedelta(days=1),
        )
        factories.add(session, poison)
        move(session, patron)
        stripe.sandbox("faults", api_errors=[400])
        customers.tell_due()
        stripe.sandbox("faults", api_errors=[])
    assert emails(stripe) == [NEW]
    session.refresh(poison)
    assert (poison.attempts, poison.next_attempt_at) == (1, start + timedelta(minutes=1))


def test_the_newest_address_is_told(session: Session, stripe: Stripe, patron: Account) -> None:
    """[S5] Changed twice before Stripe heard, it hears once."""
    move(session, patron)
    move(session, patron, "third@other.example")
    assert len(due(session)) == 1
    customers.tell_due()
    assert emails(stripe) == ["third@other.example"]


def test_a_change_while_stripe_is_being_told_is_told_next(
    session: Session, stripe: Stripe, patron: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[S5] What was read before is not taken for what holds now."""
    move(session, patron)
    tell = gateway.set_customer_email

    def slowly(customer_id: str, email: str) -> None:
        tell(customer_id, email)
        monkeypatch.setattr(gateway, "set_customer_email", tell)
        move(session, patron, "third@other.example")

    monkeypatch.setattr(gateway, "set_customer_email", slowly)
    customers.tell_due()
    assert emails(stripe) == [NEW]
    customers.tell_due()
    assert emails(stripe) == ["third@other.example"]
    assert due(session) == []


def test_a_customer_that_is_gone_needs_no_address(
    session: Session, stripe: Stripe, patron: Account
) -> None:
    move(session, patron)
    gateway.delete_customer(row(session, Subscription).stripe_customer_id)
    customers.tell_due()
    assert due(session) == []


def test_stripe_is_never_told_that_nobody_has_an_address(
    session: Session, stripe: Stripe, patron: Account
) -> None:
    """[S11] Who is deleted takes what was due along."""
    move(session, patron)
    forgetting.forget(session, patron)
    assert due(session) == []
    customers.tell_due()
    assert emails(stripe) == [OLD]


def test_attempts_to_give_follow_their_giver(
    session: Session, stripe: Stripe, patron: Account
) -> None:
    """[S11] Else the old address would outlive the account; another account's stay."""
    other = factories.account(session)
    shared = {"language": "en", "interval": "once", "amount_minor": 500, "currency": "EUR"}
    typed = factories.add(session, Checkout(email=OLD, **shared))
    others = factories.add(session, Checkout(email=OLD, account_id=other.id, **shared))
    move(session, patron)
    session.refresh(typed)
    session.refresh(others)
    assert (typed.email, others.email) == (NEW, OLD)
