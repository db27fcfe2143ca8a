"""Refunds, each with the day on which it was made; a donation's sums are derived from them."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.billing.models import Donation, Refund
from membership.billing.snapshots import RefundSnapshot

# What went back, or is on its way.
COUNTED = ("pending", "done")


def record(session: Session, donation: Donation, said: Iterable[RefundSnapshot]) -> None:
    """Write what went back of a donation as Stripe tells it; the same again changes nothing.

    The payment must be locked. What staff asked for here is found by our id in its metadata.
    """
    rows = session.scalars(
        select(Refund)
        .where(Refund.donation_id == donation.id)
        .execution_options(populate_existing=True)
    ).all()
    known = {str(row.id): row for row in rows}
    known |= {row.stripe_refund_id: row for row in rows if row.stripe_refund_id}
    for each in said:
        row = known.get(each.id) or known.get(each.ours or "")
        if row is None:
            row = Refund(donation_id=donation.id)
            session.add(row)
        row.stripe_refund_id = each.id
        row.amount_minor = each.amount.minor
        row.currency = each.amount.currency
        row.state = _state(each)
        row.refunded_at = each.created_at
    for row in rows:
        # Stands for what went back before refunds had rows: now each of them has one.
        if row.stripe_refund_id is None and row.state == "done":
            session.delete(row)
    session.flush()


def _state(said: RefundSnapshot) -> str:
    if said.has_failed:
        return "failed"
    return "done" if said.status == "succeeded" else "pending"
