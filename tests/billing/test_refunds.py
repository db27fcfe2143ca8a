"""Money that goes back: a row for each refund, whoever asked for it, and the donation's sums."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from membership.billing import refunds
from membership.billing.models import Donation, Refund
from membership.billing.snapshots import RefundSnapshot
from membership.money import Money
from tests import factories
from tests.billing.conftest import Stripe
from tests.billing.reading import row, rows
from tests.factories import NOON

Give = Callable[..., str]


def charge(stripe: Stripe) -> dict[str, Any]:
    return next(each for each in stripe.all("charge") if each["paid"])


def kept(session: Session) -> list[tuple[int, str]]:
    return sorted((each.amount_minor, each.state) for each in rows(session, Refund))


def test_each_part_has_its_row(session: Session, stripe: Stripe, give: Give) -> None:
    """[B14] In any number of parts, however often each is told."""
    stripe.pay(give())
    stripe.deliver_all()
    for part in ("200", "100"):
        stripe.api("refunds", charge=charge(stripe)["id"], amount=part)
    told = stripe.events("charge.refunded")
    stripe.deliver_all()
    for event in told:
        stripe.deliver(event)
    assert kept(session) == [(100, "done"), (200, "done")]
    donation = row(session, Donation)
    assert (donation.amount_minor, donation.refunded_minor) == (500, 300)
    made = [each.refunded_at for each in rows(session, Refund)]
    assert donation.refunded_at == min(made)
    assert {each.donation_id for each in rows(session, Refund)} == {donation.id}


def test_more_refunds_than_stripe_shows_with_a_charge(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B14] A charge carries its newest ten; the rest is asked for."""
    stripe.pay(give())
    stripe.deliver_all()
    for _ in range(12):
        stripe.api("refunds", charge=charge(stripe)["id"], amount="10")
    stripe.deliver_all()
    assert kept(session) == [(10, "done")] * 12
    assert row(session, Donation).refunded_minor == 120


def test_a_refund_that_fails_later_is_no_refund(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B14] The bank could not take it: the money is ours again."""
    stripe.pay(give())
    stripe.deliver_all()
    made = stripe.api("refunds", charge=charge(stripe)["id"], amount="200")
    stripe.change(made["id"], status="pending")
    stripe.deliver_all()
    assert kept(session) == [(200, "pending")]
    assert row(session, Donation).refunded_minor == 200
    stripe.change(made["id"], status="failed")
    stripe.sandbox("events", type="refund.failed", object=made["id"])
    stripe.deliver_all()
    assert kept(session) == [(200, "failed")]
    donation = row(session, Donation)
    assert (donation.refunded_minor, donation.refunded_at) == (0, None)


def test_a_refund_told_before_its_donation(session: Session, stripe: Stripe, give: Give) -> None:
    """[L4] What was given back at once is written with the donation."""
    stripe.pay(give())
    stripe.api("refunds", charge=charge(stripe)["id"], amount="200")
    stripe.deliver(stripe.events("charge.refunded")[0])
    stripe.deliver_all()
    assert kept(session) == [(200, "done")]


def said(refund_id: str, amount: int, ours: str | None = None) -> RefundSnapshot:
    return RefundSnapshot(refund_id, ours, Money(amount, "EUR"), "succeeded", NOON)


def test_what_staff_asked_for_is_the_same_row(session: Session) -> None:
    """[B7] Stripe's refund is found by our id in its metadata, of the same donation alone."""
    gift = factories.donation(session, factories.account(session))
    other = factories.donation(session, factories.account(session))
    asked = factories.refund(
        session, gift, 200, state="asked", stripe_refund_id=None, refunded_at=None
    )
    refunds.record(session, other, [said("re_other", 200, str(asked.id))])
    refunds.record(session, gift, [said("re_1", 200, str(asked.id))])
    refunds.record(session, gift, [said("re_1", 200, str(asked.id))])
    found = row(session, Refund, donation_id=gift.id)
    assert (found.id, found.stripe_refund_id, found.state) == (asked.id, "re_1", "done")
    assert row(session, Refund, donation_id=other.id).id != asked.id


def test_a_sum_from_before_gives_way_to_rows_of_their_own(session: Session) -> None:
    """[L15] A refund from before there were rows is one row, until Stripe tells its parts."""
    gift = factories.donation(session, factories.account(session))
    factories.refund(session, gift, 300, stripe_refund_id=None)
    refused = factories.refund(session, gift, 50, stripe_refund_id=None, state="failed")
    refunds.record(session, gift, [said("re_1", 200), said("re_2", 100)])
    assert kept(session) == [(50, "failed"), (100, "done"), (200, "done")]
    assert refused.stripe_refund_id is None
