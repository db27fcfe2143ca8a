"""What a giver's bank takes back: rows with a deadline, and no further charge."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from membership.billing import inbox
from membership.billing.lifecycle import end_reason
from membership.billing.models import Dispute, Donation, LedgerEntry, Subscription
from tests.billing.conftest import Stripe
from tests.billing.reading import make_due, row, rows

Give = Callable[..., str]
WARNED = "radar.early_fraud_warning.created"


def charge(stripe: Stripe) -> dict[str, Any]:
    return next(each for each in stripe.all("charge") if each["paid"])


def given(stripe: Stripe, give: Give, **changes: str) -> str:
    """A gift that we know; its charge."""
    stripe.pay(give(**changes))
    stripe.deliver_all()
    return str(charge(stripe)["id"])


def test_a_dispute_has_its_deadline(session: Session, stripe: Stripe, give: Give) -> None:
    """[B14] With the bank's reason, Stripe's status, and when it was over."""
    made = stripe.sandbox("disputes", charge=given(stripe, give, interval="once"))
    stripe.deliver_all()
    dispute = row(session, Dispute)
    assert (dispute.kind, dispute.stripe_id, dispute.reason) == (
        "dispute",
        made["id"],
        "fraudulent",
    )
    assert (dispute.status, dispute.amount_minor, dispute.currency) == (
        "needs_response",
        500,
        "EUR",
    )
    assert dispute.due_at == datetime.fromtimestamp(made["evidence_details"]["due_by"], UTC)
    assert dispute.opened_at == row(session, Donation).disputed_at
    assert dispute.closed_at is None
    stripe.sandbox("disputes", dispute=made["id"], outcome="won")
    stripe.deliver_all()
    dispute = row(session, Dispute)
    assert dispute.status == "won"
    closed_at = dispute.closed_at
    assert closed_at is not None
    stripe.sandbox("events", type="charge.dispute.updated", object=made["id"])
    stripe.deliver_all()
    assert row(session, Dispute).closed_at == closed_at
    assert row(session, Donation).disputed_at is None


@pytest.mark.parametrize(("reason", "ends"), [("fraudulent", "fraud"), ("unrecognized", "dispute")])
def test_who_took_the_money_back_is_not_charged_again(
    session: Session, stripe: Stripe, give: Give, reason: str, ends: str
) -> None:
    """[B14] [L15] Ended at Stripe at once, with a reason that reading it again gives as well."""
    disputed = given(stripe, give)
    stripe.sandbox("disputes", charge=disputed, reason=reason)
    stripe.deliver_all()
    ended = row(session, Subscription)
    assert (ended.state, ended.end_reason) == ("ended", ends)
    assert stripe.all("subscription")[0]["status"] == "canceled"
    assert [each.movement for each in rows(session, LedgerEntry)] == ["new", "churn_involuntary"]
    assert sum(each.amount_minor for each in rows(session, LedgerEntry)) == 0
    # As one sees it who hears of it for the first time.
    ended.end_reason = None
    session.flush()
    stripe.sandbox(
        "events", type="customer.subscription.updated", object=stripe.all("subscription")[0]["id"]
    )
    stripe.deliver_all()
    assert row(session, Subscription).end_reason == ends
    stripe.move_clock(40)
    stripe.deliver_all()
    assert len(rows(session, Donation)) == 1


def test_a_dispute_ends_what_was_to_end_later(session: Session, stripe: Stripe, give: Give) -> None:
    """[B11] [B14] Scheduled to end with the period: it ends now."""
    disputed = given(stripe, give)
    subscription = stripe.all("subscription")[0]["id"]
    stripe.api(f"subscriptions/{subscription}", cancel_at_period_end="true")
    stripe.deliver_all()
    assert row(session, Subscription).state == "cancel_scheduled"
    stripe.sandbox("disputes", charge=disputed)
    stripe.deliver_all()
    assert (row(session, Subscription).state, row(session, Subscription).end_reason) == (
        "ended",
        "fraud",
    )


def test_a_dispute_told_before_its_donation_ends_it_as_well(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[L4] Whatever is heard first."""
    stripe.pay(give())
    stripe.sandbox("disputes", charge=charge(stripe)["id"])
    stripe.deliver(stripe.events("charge.dispute.created")[0])
    stripe.deliver_all()
    assert row(session, Dispute).donation_id == row(session, Donation).id
    assert row(session, Subscription).end_reason == "fraud"


@pytest.mark.parametrize("told_by", ["charge.updated", "refund.updated", WARNED])
def test_whatever_is_heard_of_a_disputed_payment_ends_the_subscription(
    session: Session, stripe: Stripe, give: Give, told_by: str
) -> None:
    """[B14] [L4] The dispute's own event is still to come, or never comes."""
    disputed = given(stripe, give)
    about = disputed
    if told_by == "refund.updated":
        about = stripe.api("refunds", charge=disputed, amount="100")["id"]
    elif told_by == WARNED:
        stripe.sandbox("fraud_warnings", charge=disputed)
        about = stripe.all("radar.early_fraud_warning")[0]["id"]
    stripe.sandbox("disputes", charge=disputed)
    stripe.delivered.update(each["id"] for each in stripe.events())
    stripe.sandbox("events", type=told_by, object=about)
    stripe.deliver_all()
    assert row(session, Dispute, kind="dispute").reason == "fraudulent"
    assert row(session, Subscription).end_reason == "fraud"
    assert stripe.all("subscription")[0]["status"] == "canceled"


def test_a_dispute_is_followed_when_stripe_is_back(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[L6] Stripe fails in the middle: nothing half done, then all of it, once."""
    stripe.sandbox("disputes", charge=given(stripe, give))
    stripe.sandbox("faults", api_errors=[0, 0, 0, 503, 503, 503])
    stripe.deliver_all()
    assert row(session, Subscription).state == "active"
    stripe.sandbox("faults", api_errors=[])
    make_due(session)
    stripe.deliver_all()
    assert row(session, Subscription).end_reason == "fraud"
    assert len(rows(session, Dispute)) == 1


def test_an_inquiry_takes_no_money(session: Session, stripe: Stripe, give: Give) -> None:
    """[V3] The bank only asks: the donation stays ours, the support goes on."""
    made = stripe.sandbox("disputes", charge=given(stripe, give))
    stripe.change(made["id"], status="warning_needs_response")
    stripe.deliver_all()
    assert row(session, Dispute).status == "warning_needs_response"
    assert row(session, Donation).disputed_at is None
    assert row(session, Subscription).state == "active"
    stripe.change(made["id"], status="warning_closed")
    stripe.sandbox("events", type="charge.dispute.closed", object=made["id"])
    stripe.deliver_all()
    assert row(session, Dispute).closed_at is not None


def test_a_warning_of_fraud_waits_for_staff(session: Session, stripe: Stripe, give: Give) -> None:
    """[B14] It is closed by a refund of all; the support goes on until staff decide."""
    warned = given(stripe, give)
    stripe.sandbox("fraud_warnings", charge=warned)
    stripe.deliver_all()
    warning = row(session, Dispute)
    assert (warning.kind, warning.status) == ("fraud_warning", "actionable")
    assert (warning.reason, warning.amount_minor) == ("made_with_stolen_card", 500)
    assert (warning.due_at, warning.closed_at) == (None, None)
    assert row(session, Subscription).state == "active"
    stripe.api("refunds", charge=warned)
    stripe.deliver_all()
    warning = row(session, Dispute)
    assert warning.status == "settled"
    assert warning.closed_at is not None


def test_a_warning_finds_a_donation_that_we_do_not_know_yet(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[L4] [L6] Nothing else would lead to it later."""
    stripe.pay(give())
    stripe.sandbox("fraud_warnings", charge=charge(stripe)["id"])
    stripe.deliver(stripe.events(WARNED)[0])
    assert stripe.events("invoice.paid")
    inbox.process_due()
    assert row(session, Dispute).donation_id == row(session, Donation).id


def test_anothers_warnings_and_disputes_are_ignored(session: Session, stripe: Stripe) -> None:
    """[B5] [L17] Another product on the same Stripe account."""
    method = stripe.api("payment_methods", type="card", **{"card[number]": "4242424242424242"})
    intent = stripe.api(
        "payment_intents", amount="500", currency="eur", payment_method=method["id"], confirm="true"
    )
    stripe.sandbox("fraud_warnings", charge=intent["latest_charge"])
    stripe.sandbox("disputes", charge=intent["latest_charge"])
    stripe.deliver_all()
    assert rows(session, Dispute) == []


@pytest.mark.parametrize(
    ("stripes", "ours", "expected"),
    [
        ("cancellation_requested", None, "voluntary"),
        ("cancellation_requested", "staff", "staff"),
        ("cancellation_requested", "dispute", "dispute"),
        ("cancellation_requested", "fraud", "fraud"),
        ("cancellation_requested", "what a reader typed", "voluntary"),
        ("payment_disputed", None, "dispute"),
        # Staff planned an end, but a payment failed first.
        ("payment_failed", "staff", "payment_failed"),
        (None, None, "voluntary"),
    ],
)
def test_why_it_ended(stripes: str | None, ours: str | None, expected: str) -> None:
    """[B11] From what Stripe keeps, which every reading gives alike."""
    assert end_reason("canceled", stripes, ours) == expected
    assert end_reason("active", stripes, ours) is None
