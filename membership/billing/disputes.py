"""Disputes and the warnings before them: what a giver's bank takes back, or may."""

from collections.abc import Iterable

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.billing.models import Dispute, Donation
from membership.billing.snapshots import DisputeSnapshot, FraudWarningSnapshot

log = structlog.get_logger(__name__)


def record(session: Session, donation: Donation, said: Iterable[DisputeSnapshot]) -> None:
    """Write the disputes of a donation as Stripe tells them; its payment must be locked."""
    for each in said:
        row = _known(session, each.id)
        if row is None:
            row = Dispute(kind="dispute", stripe_id=each.id, donation_id=donation.id)
            session.add(row)
            log.error("payment_disputed", donation=donation.id, dispute=each.id)
        row.reason = each.reason
        row.status = each.status
        row.amount_minor = each.amount.minor
        row.currency = each.amount.currency
        row.due_at = each.due_at
        row.opened_at = each.opened_at
        _close(row, each.is_over)
    session.flush()


def warn(session: Session, donation: Donation, said: FraudWarningSnapshot) -> None:
    """Write a bank's early warning of fraud; one that nothing can be done about is closed."""
    row = _known(session, said.id)
    if row is None:
        row = Dispute(
            kind="fraud_warning",
            stripe_id=said.id,
            donation_id=donation.id,
            reason=said.reason,
            amount_minor=donation.amount_minor,
            currency=donation.currency,
            opened_at=said.opened_at,
        )
        session.add(row)
        if said.actionable:
            log.error("payment_may_be_fraud", donation=donation.id, warning=said.id)
    row.status = "actionable" if said.actionable else "settled"
    _close(row, not said.actionable)
    session.flush()


def reason_to_end(session: Session, subscription_id: int) -> str | None:
    """Why a subscription must not charge again: "dispute", "fraud", or None when it may.

    A patron whose bank took money back has said no; another charge would be another dispute.
    """
    reason = session.scalar(
        select(Dispute.reason)
        .join(Donation, Donation.id == Dispute.donation_id)
        .where(
            Donation.subscription_id == subscription_id,
            Donation.disputed_at.is_not(None),
            Dispute.kind == "dispute",
        )
        .order_by(Dispute.opened_at.desc(), Dispute.id.desc())
        .limit(1)
    )
    if reason is None:
        return None
    return "fraud" if reason == "fraudulent" else "dispute"


def _known(session: Session, stripe_id: str) -> Dispute | None:
    return session.scalar(
        select(Dispute)
        .where(Dispute.stripe_id == stripe_id)
        .execution_options(populate_existing=True)
    )


def _close(row: Dispute, is_over: bool) -> None:
    """Stripe keeps no time for it: when we first heard."""
    if not is_over:
        row.closed_at = None
    elif row.closed_at is None:
        row.closed_at = clock.now()
    row.synced_at = clock.now()
