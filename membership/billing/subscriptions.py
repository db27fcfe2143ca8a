"""Bringing a subscription's row, its history and the ledger to what Stripe says."""

from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.billing import ledger, lifecycle
from membership.billing.models import Checkout, Subscription, SubscriptionChange
from membership.billing.snapshots import SubscriptionSnapshot

log = structlog.get_logger(__name__)


def state_of(said: SubscriptionSnapshot) -> str:
    """Our state for what Stripe says. Raises lifecycle.UnknownStatusError."""
    return lifecycle.state_of(
        said.status, ends_later=said.ends_later, collection_paused=said.collection_paused
    )


def find(session: Session, stripe_subscription_id: str) -> Subscription | None:
    """The row as it is committed now, whatever this session has seen before."""
    return session.scalar(
        select(Subscription)
        .where(Subscription.stripe_subscription_id == stripe_subscription_id)
        .execution_options(populate_existing=True)
    )


def record(
    session: Session,
    said: SubscriptionSnapshot,
    row: Subscription | None,
    at: datetime,
    *,
    account_id: int,
    checkout: Checkout | None,
) -> Subscription:
    """Write what Stripe says of a subscription; the same again changes nothing.

    The account's row must be locked. `at` dates a change of monthly value for which Stripe keeps
    no time of its own. Raises lifecycle.ForbiddenTransitionError and changes nothing then.
    """
    state = state_of(said)
    before = (row.state, row.amount_minor) if row else (None, None)
    moved = lifecycle.transition(before[0], state)
    if row is None:
        row = Subscription(
            account_id=account_id,
            checkout_id=checkout.id if checkout else None,
            stripe_subscription_id=said.id,
            started_at=said.started_at,
        )
        session.add(row)
    _copy(said, row, state)
    session.flush()
    if moved or before[1] != row.amount_minor:
        session.add(_change(row, *before))
        log.info("subscription_changed", subscription=row.id, before=before[0], after=state)
    if before[0] is None:
        at = said.started_at
    ledger.append(session, row, said.ended_at or at)
    return row


def _copy(said: SubscriptionSnapshot, row: Subscription, state: str) -> None:
    if state == "ended" and row.end_reason is None:
        row.end_reason = (
            "staff"
            if said.is_second
            else lifecycle.end_reason(said.status, said.cancellation_reason)
        )
    row.state = state
    row.stripe_customer_id = said.customer_id
    row.interval = said.interval
    row.amount_minor = said.amount.minor
    row.currency = said.amount.currency
    row.current_period_end_at = said.current_period_end_at
    row.resumes_at = said.resumes_at
    row.card_brand = said.card.brand if said.card else None
    row.card_last4 = said.card.last4 if said.card else None
    row.card_expires_on = said.card.expires_on if said.card else None
    row.ended_at = said.ended_at
    row.synced_at = clock.now()


def _change(
    row: Subscription, from_state: str | None, from_amount_minor: int | None
) -> SubscriptionChange:
    return SubscriptionChange(
        subscription_id=row.id,
        from_state=from_state,
        to_state=row.state,
        from_amount_minor=from_amount_minor,
        to_amount_minor=row.amount_minor,
        currency=row.currency,
    )
