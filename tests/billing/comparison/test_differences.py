"""What differs from Stripe is found, repaired and written down."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import AuditEntry
from membership.billing import donations
from membership.billing.comparison.models import Comparison, Difference
from membership.billing.dunning.models import Dunning
from membership.billing.models import Donation, LedgerEntry, Refund, Subscription
from tests import factories
from tests.billing.comparison.conftest import Compare, Give
from tests.billing.comparison.planting import known, planted
from tests.billing.conftest import Stripe
from tests.billing.reading import row, rows


def test_two_sides_that_agree_have_no_difference(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B4] After all that happens in a life: renewals, a pause, a refund, an end."""
    assert compare() == []
    stripe.move_clock(32)
    stripe.api(f"subscriptions/{patron}", cancel_at_period_end="true")
    charge = next(each for each in stripe.all("charge") if each["paid"])
    stripe.api("refunds", charge=charge["id"], amount="100")
    stripe.deliver_all()
    assert compare() == []
    counted = rows(session, Comparison)[-1]
    assert (counted.subscriptions, counted.invoices, counted.payments) == (1, 2, 2)
    assert not rows(session, AuditEntry, action="difference.repaired")


def test_a_change_without_an_event_is_repaired_and_audited(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B4] [D7]"""
    item = stripe.all("subscription")[0]["items"]["data"][0]
    price = {f"items[0][price_data][{name}]": value for name, value in {
        "currency": "eur", "unit_amount": "900", "product": item["price"]["product"],
        "recurring][interval": "month"}.items()}  # fmt: skip
    stripe.api(
        f"subscriptions/{patron}",
        **{"items[0][id]": item["id"], "proration_behavior": "none", **price},
    )
    (found,) = compare()
    assert (found.kind, found.stripe_id) == ("subscription", patron)
    assert found.fields == {"amount_minor": [500, 900]}
    assert found.repaired_at is not None
    subscription = row(session, Subscription)
    assert subscription.amount_minor == 900
    assert found.account_id == subscription.account_id
    assert sum(each.amount_minor for each in rows(session, LedgerEntry)) == 900
    entry = row(session, AuditEntry, action="difference.repaired")
    assert entry.subject == f"difference:{found.id}"
    assert entry.detail["fields"] == ["amount_minor"]
    assert compare() == []


@pytest.mark.parametrize(
    ("act", "state"),
    [("cancel", "ended"), ("cancel_at_period_end", "cancel_scheduled"), ("pause", "paused")],
)
def test_an_end_or_a_pause_that_nobody_told_us_of(
    session: Session, stripe: Stripe, patron: str, compare: Compare, act: str, state: str
) -> None:
    """[B4] What is over at Stripe is not in its list any more, and is missed there."""
    match act:
        case "cancel":
            stripe.api(f"subscriptions/{patron}", "DELETE")
        case "pause":
            stripe.api(f"subscriptions/{patron}", **{"pause_collection[behavior]": "void"})
        case _:
            stripe.api(f"subscriptions/{patron}", cancel_at_period_end="true")
    (found,) = compare()
    assert found.fields["state"] == ["active", state]
    assert found.repaired_at is not None
    assert row(session, Subscription).state == state


def test_a_gift_whose_every_event_was_lost(
    session: Session, stripe: Stripe, give: Give, compare: Compare
) -> None:
    """[B4] [L6] Also when the webhook is still pending: it finds nothing left to do."""
    stripe.pay(give())
    stripe.pay(give(interval="once", amount="20", email="once@example.org"))
    found = compare()
    assert [each.kind for each in found] == ["subscription", "invoice", "payment"]
    assert all(each.repaired_at for each in found)
    assert sorted(each.amount_minor for each in rows(session, Donation)) == [500, 2000]
    assert row(session, Subscription).state == "active"
    stripe.deliver_all()
    assert len(rows(session, Donation)) == 2
    assert compare() == []


def test_money_that_went_back_unheard(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B4] Refunds and disputes."""
    charge = next(each for each in stripe.all("charge") if each["paid"])
    stripe.api("refunds", charge=charge["id"], amount="100")
    (found,) = compare()
    assert (found.kind, found.fields["refunded_minor"]) == ("payment", [0, 100])
    assert row(session, Donation).refunded_minor == 100
    stripe.sandbox("disputes", charge=charge["id"])
    found = compare()
    assert [each.kind for each in found] == ["payment"]
    assert row(session, Donation).disputed_at is not None
    assert row(session, Subscription).state == "ended"
    assert compare() == []


def test_a_dispute_that_ended_nothing(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B14] Both sides know of it alike, and the subscription would be charged again."""
    charge = next(each for each in stripe.all("charge") if each["paid"])
    stripe.sandbox("disputes", charge=charge["id"])
    stripe.delivered.update(each["id"] for each in stripe.events())
    donations.follow_payment(session, charge["payment_intent"])
    session.flush()
    (found,) = compare()
    assert (found.kind, found.fields) == ("payment", {"state": ["active", "ended"]})
    assert found.repaired_at is not None
    assert row(session, Subscription).end_reason == "fraud"
    assert compare() == []


@pytest.mark.parametrize("days", [0, 60])
def test_a_refund_that_an_older_release_wrote_as_a_sum_alone(
    session: Session, stripe: Stripe, give: Give, compare: Compare, days: int
) -> None:
    """[B4] Its row follows, so that figures count it; also of a payment that no list shows."""
    stripe.pay(give(interval="once"))
    stripe.move_clock(days)
    charge = next(each for each in stripe.all("charge") if each["paid"])
    stripe.api("refunds", charge=charge["id"], amount="100")
    stripe.deliver_all()
    session.execute(delete(Refund))
    now = clock.now() + timedelta(days=days)
    with clock.fixed(now):
        (found,) = compare()
    assert (found.kind, found.fields) == ("payment", {"refunds_minor": [0, 100]})
    assert found.repaired_at is not None
    assert row(session, Refund).amount_minor == 100
    assert compare() == []


@pytest.mark.parametrize("stripe_refund_id", [None, "re_elsewhere"])
def test_a_refund_that_stripe_does_not_have(
    session: Session, stripe: Stripe, patron: str, compare: Compare, stripe_refund_id: str | None
) -> None:
    """[B4] What stood for an old sum goes; one with a name of its own waits for a person."""
    donation = row(session, Donation)
    factories.refund(session, donation, 100, stripe_refund_id=stripe_refund_id)
    donation.refunded_minor, donation.refunded_at = 0, None
    session.flush()
    (found,) = compare()
    assert found.fields == {"refunds_minor": [100, 0]}
    assert (found.repaired_at is None) is (stripe_refund_id is not None)
    assert len(rows(session, Refund)) == (stripe_refund_id is not None)


def test_a_failed_renewal_that_nobody_told_us_of(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B4] [B12] Its patron is reminded after all; and no longer once it is paid."""
    subscription = stripe.all("subscription")[0]
    stripe.sandbox("cards", customer=subscription["customer"], number="4000000000000341")
    stripe.move_clock(33)
    found = compare()
    assert {each.kind for each in found} == {"subscription"}
    assert row(session, Subscription).state == "past_due"
    session.execute(delete(Dunning))
    (found,) = compare()
    assert found.fields == {"dunning": [None, "open"]}
    assert row(session, Dunning).is_open
    assert compare() == []
    stripe.sandbox("cards", customer=subscription["customer"], number="4242424242424242")
    invoice = next(each for each in stripe.all("invoice") if each["status"] == "open")
    stripe.api(f"invoices/{invoice['id']}/pay")
    assert {each.kind for each in compare()} == {"subscription", "invoice"}
    assert not row(session, Dunning).is_open
    assert compare() == []


def test_what_is_not_ours_is_ignored(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B5] [L17] Another product's customers on the same account, and ids that lead nowhere."""
    planted(stripe, 2)
    planted(stripe, 1, id="sub_stray", customer="cus_stray", metadata={"checkout": "no-uuid"})
    unknown = {"checkout": "6a1f3a52-7f0e-4a57-9c54-0d7c4f2d6c11"}
    planted(stripe, 1, id="sub_astray", customer="cus_astray", metadata=unknown)
    stripe.move_clock(31)
    stripe.deliver_all()
    assert {
        each["subscription"] for each in stripe.all("invoice") if "subscription" in each
    } >= set()
    assert compare() == []
    assert len(rows(session, Subscription)) == 1
    assert row(session, Comparison).subscriptions == 5


def test_ours_that_ended_need_no_counterpart(
    session: Session, stripe: Stripe, compare: Compare
) -> None:
    account = factories.account(session)
    factories.subscription(session, account, state="ended", end_reason="voluntary")
    factories.donation(session, account)
    assert compare() == []


def test_ours_that_stripe_does_not_know_waits_for_a_person(
    app: Flask, session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B4] [L7] Found every night, written once; nothing of it is changed by itself."""
    lone = factories.patron(session)
    for _ in range(2):
        (found,) = compare()
        assert found.fields == {"state": ["active", None], "mrr_minor": [0, 400]}
        assert found.repaired_at is None
        assert "Stripe does not know it" in found.last_error
        assert found.account_id == lone.id
    assert len(rows(session, Difference)) == 1
    result = app.test_cli_runner().invoke(args=["billing", "reconcile"])
    assert result.exit_code == 1
    assert "state: active → None" in result.output
    session.execute(update(Subscription).where(Subscription.account_id == lone.id).values(
        state="ended", end_reason="voluntary"))  # fmt: skip
    assert compare() == []
    assert row(session, Difference).repaired_at is not None, "it agrees by now"


def test_the_ledger_must_sum_to_what_runs(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[D7] [L15] Also of what has ended."""
    mine = row(session, Subscription)
    entry = row(session, LedgerEntry)
    wrong = {name: getattr(entry, name) for name in ("subscription_id", "account_id", "currency",
                                                     "occurred_at")}  # fmt: skip
    session.add(LedgerEntry(movement="expansion", amount_minor=250, **wrong))
    session.flush()
    (found,) = compare()
    assert (found.kind, found.fields) == ("ledger", {"mrr_minor": [750, 500]})
    assert found.repaired_at is not None
    assert sum(each.amount_minor for each in rows(session, LedgerEntry)) == 500
    stripe.api(f"subscriptions/{mine.stripe_subscription_id}", "DELETE")
    stripe.deliver_all()
    session.add(LedgerEntry(movement="reactivation", amount_minor=70, **wrong))
    session.flush()
    (found,) = compare()
    assert (found.kind, found.fields) == ("ledger", {"mrr_minor": [70, 0]})
    assert compare() == []


def test_one_poison_object_is_set_aside(
    session: Session, stripe: Stripe, patron: str, give: Give, compare: Compare
) -> None:
    """[L7] A status that nobody knows, a shape that nobody knows; the third is repaired."""
    ids = planted(stripe, 2)
    for each in ids:
        known(session, each)
    stripe.change(ids[0], status="in_a_new_state")
    stripe.change(ids[1], items={"object": "list", "data": [], "has_more": False, "url": "/"})
    stripe.api(f"subscriptions/{patron}", cancel_at_period_end="true")
    found = {each.stripe_id: each for each in compare()}
    assert found.keys() == {*ids, patron}
    assert found[patron].repaired_at is not None
    assert "in_a_new_state" in found[ids[0]].last_error
    assert found[ids[1]].repaired_at is None
    stripe.change(ids[0], status="active")
    again = {each.stripe_id: each for each in compare()}
    assert again.keys() == {ids[1]}
    assert row(session, Difference, stripe_id=ids[0]).repaired_at is not None


def test_an_end_that_ours_cannot_come_back_from(
    session: Session, stripe: Stripe, patron: str, compare: Compare
) -> None:
    """[B11] Ended here and running there is a case for a person."""
    session.execute(update(Subscription).values(state="ended", end_reason="staff"))
    (found,) = compare()
    assert found.fields["state"] == ["ended", "active"]
    assert "ForbiddenTransitionError" in found.last_error
    assert row(session, Subscription).state == "ended"
