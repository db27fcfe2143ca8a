"""From the form to the receipt, through a Stripe that answers."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing import inbox
from membership.billing.models import (
    Checkout,
    Donation,
    LedgerEntry,
    StripeEvent,
    Subscription,
    SubscriptionChange,
)
from membership.mail.models import OutboxEmail
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.reading import mails, row, rows

Give = Callable[..., str]


def test_a_monthly_gift_becomes_patron_donation_ledger_and_mails(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B3] [B8] [B13] The whole journey; money stands in it once (L18)."""
    answer = stripe.pay(give(amount="5", interval="month", name="Olena"))
    checkout = row(session, Checkout)
    assert answer.headers["Location"] == f"http://localhost/support/thanks?checkout={checkout.id}"
    assert (checkout.state, checkout.account_id) == ("open", None)

    stripe.deliver_all()

    account = row(session, Account)
    assert (account.email, account.name, account.verified_at) == (
        "reader@example.org", "Olena", None
    )  # fmt: skip
    given = row(session, Subscription)
    assert (given.state, given.interval, given.amount_minor, given.currency) == (
        "active", "month", 500, "EUR"
    )  # fmt: skip
    assert (given.account_id, given.checkout_id) == (account.id, checkout.id)
    assert 27 <= (given.current_period_end_at - given.started_at).days <= 31
    donation = row(session, Donation)
    assert (donation.amount_minor, donation.currency) == (500, "EUR")
    assert (donation.fee_minor, donation.fee_currency) == (45, "EUR")
    assert (donation.subscription_id, donation.account_id) == (given.id, account.id)
    assert donation.refunded_minor == 0
    entry = row(session, LedgerEntry)
    assert (entry.movement, entry.amount_minor, entry.occurred_at) == (
        "new", 500, given.started_at
    )  # fmt: skip
    change = row(session, SubscriptionChange)
    assert (change.from_state, change.to_state) == (None, "active")
    checkout = row(session, Checkout)
    assert checkout.state == "completed"
    assert checkout.completed_at is not None
    assert mails(session) == [("receipt", "reader@example.org"), ("welcome", "reader@example.org")]
    assert row(session, OutboxEmail, kind="receipt").subject == f"donation:{donation.id}"
    assert {event.state for event in rows(session, StripeEvent)} == {"processed", "ignored"}


def test_a_single_gift_is_counted_from_its_payment(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[L18]"""
    stripe.pay(give(amount="250", interval="once", currency="UAH"))
    stripe.deliver_all()
    donation = row(session, Donation)
    assert (donation.amount_minor, donation.currency) == (25_000, "UAH")
    assert donation.subscription_id is None
    assert donation.stripe_invoice_id is None
    assert rows(session, Subscription) == []
    assert rows(session, LedgerEntry) == []
    assert row(session, OutboxEmail, kind="receipt").context["interval"] == "once"
    assert row(session, OutboxEmail, kind="welcome").context["interval"] == "once"


def test_a_renewal_brings_one_donation_and_receipt_and_no_welcome(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B18] [L16] However often Stripe tells it."""
    stripe.pay(give())
    stripe.deliver_all()
    stripe.move_clock(32)
    renewal = stripe.events()
    stripe.deliver_all()
    for event in renewal:
        stripe.deliver({**event, "id": event["id"] + "_again"})
    inbox.process_due()
    assert len(rows(session, Donation)) == 2
    assert [kind for kind, _ in mails(session)] == ["receipt", "receipt", "welcome"]
    assert len(rows(session, LedgerEntry)) == 1


def test_who_has_given_before_is_not_welcomed_again(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[L16] Also when the first gift came before we wrote mails."""
    factories.donation(session, factories.account(session, email="reader@example.org"))
    stripe.pay(give())
    stripe.deliver_all()
    assert [kind for kind, _ in mails(session)] == ["receipt"]


def test_a_payment_that_belongs_to_an_invoice_is_no_gift_of_its_own(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[L18] Even when someone at Stripe's dashboard gave it our metadata."""
    stripe.pay(give())
    payment = stripe.all("payment_intent")[0]
    key = {"Authorization": f"Bearer {stripe.server.api_key}"}
    stripe.http.post(
        f"{stripe.server.url}/v1/payment_intents/{payment['id']}",
        data={"metadata[checkout]": str(row(session, Checkout).id)},
        headers=key,
    ).raise_for_status()
    stripe.http.post(
        f"{stripe.server.url}/v1/refunds",
        data={"payment_intent": payment["id"], "amount": "100"},
        headers=key,
    ).raise_for_status()
    stripe.deliver(stripe.events("charge.refunded")[0])
    inbox.process_due()
    assert rows(session, Donation) == []
    stripe.deliver_all()
    assert row(session, Donation).refunded_minor == 100


def test_a_year_stands_in_the_ledger_as_a_twelfth(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[L15]"""
    stripe.pay(give(interval="year", amount="50", currency="USD"))
    stripe.deliver_all()
    assert row(session, LedgerEntry).amount_minor == 417


def test_a_declined_card_leaves_nothing_given(session: Session, stripe: Stripe, give: Give) -> None:
    """[L3] The reader may try again on the same page, and on a new one."""
    page = give()
    assert stripe.pay(page, "4000000000000002").status_code == 402
    stripe.deliver_all()
    assert row(session, Subscription).state == "incomplete"
    assert rows(session, Donation) == []
    assert rows(session, LedgerEntry) == []
    assert mails(session) == []
    stripe.pay(give())
    stripe.deliver_all()
    assert sorted(each.state for each in rows(session, Subscription)) == ["active", "incomplete"]
    assert len(rows(session, Donation)) == 1


def test_a_refund_and_a_dispute_are_seen_on_the_donation(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B14] A dispute that we win leaves the donation ours."""
    stripe.pay(give())
    stripe.deliver_all()
    charge = next(each for each in stripe.all("charge") if each["paid"])
    client = stripe.http
    client.post(
        f"{stripe.server.url}/v1/refunds",
        data={"charge": charge["id"], "amount": "200"},
        headers={"Authorization": f"Bearer {stripe.server.api_key}"},
    ).raise_for_status()
    stripe.deliver_all()
    donation = row(session, Donation)
    assert donation.refunded_minor == 200
    assert donation.refunded_at is not None
    dispute = stripe.sandbox("disputes", charge=charge["id"])
    stripe.deliver_all()
    assert row(session, Donation).disputed_at is not None
    stripe.sandbox("disputes", dispute=dispute["id"], outcome="won")
    stripe.deliver_all()
    assert row(session, Donation).disputed_at is None
    assert row(session, Donation).refunded_minor == 200


def test_the_fee_may_become_known_later(session: Session, stripe: Stripe, give: Give) -> None:
    """[B14] Stripe settles some time after the payment, and tells it of the charge."""
    stripe.pay(give(interval="once"))
    charge = stripe.all("charge")[0]
    stripe.change(charge["id"], balance_transaction=None)
    stripe.deliver_all()
    assert row(session, Donation).fee_minor is None
    stripe.change(charge["id"], balance_transaction=charge["balance_transaction"])
    stripe.sandbox("events", type="charge.updated", object=charge["id"])
    stripe.deliver_all()
    assert row(session, Donation).fee_minor == 45


def test_a_page_that_expires_closes_its_checkout(
    session: Session, stripe: Stripe, give: Give
) -> None:
    give()
    stripe.move_clock(1.1)
    stripe.deliver_all()
    assert row(session, Checkout).state == "expired"


@pytest.mark.parametrize("reason", ["voluntary", "payment_failed"])
def test_an_end_is_churn_with_its_reason(
    session: Session, stripe: Stripe, give: Give, reason: str
) -> None:
    """[B11] [L15]"""
    stripe.pay(give())
    stripe.deliver_all()
    given = row(session, Subscription)
    api = f"{stripe.server.url}/v1/subscriptions/{given.stripe_subscription_id}"
    key = {"Authorization": f"Bearer {stripe.server.api_key}"}
    if reason == "voluntary":
        stripe.http.post(api, data={"cancel_at_period_end": "true"}, headers=key).raise_for_status()
        stripe.deliver_all()
        assert row(session, Subscription).state == "cancel_scheduled"
        assert len(rows(session, LedgerEntry)) == 1
        stripe.move_clock(32)
    else:
        stripe.sandbox("cards", customer=given.stripe_customer_id, number="4000000000000341")
        stripe.move_clock(32)
        stripe.deliver_all()
        assert row(session, Subscription).state == "past_due"
        assert len(rows(session, LedgerEntry)) == 1
        stripe.move_clock(20)
    stripe.deliver_all()
    ended = row(session, Subscription)
    assert (ended.state, ended.end_reason) == ("ended", reason)
    churn = rows(session, LedgerEntry)[-1]
    assert churn.amount_minor == -500
    assert churn.movement == f"churn_{'in' if reason == 'payment_failed' else ''}voluntary"
    assert churn.occurred_at == ended.ended_at
