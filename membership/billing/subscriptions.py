"""Bringing a subscription's row, its history and the ledger to what Stripe says."""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.billing import ledger, lifecycle
from membership.billing.manage import telling
from membership.billing.models import Checkout, Subscription, SubscriptionChange
from membership.billing.snapshots import SubscriptionSnapshot

log = structlog.get_logger(__name__)


def state_of(said: SubscriptionSnapshot) -> str:
    """Our state for what Stripe says. Raises lifecycle.UnknownStatusError."""
    return lifecycle.state_of(
        said.status, ends_later=said.ends_later, collection_paused=said.collection_paused
    )


def columns(said: SubscriptionSnapshot) -> dict[str, Any]:
    """What Stripe says, as the columns of our row. What has ended is charged to no card."""
    state = state_of(said)
    card = said.card if state != "ended" else None
    return {
        "state": state,
        "stripe_customer_id": said.customer_id,
        "interval": said.interval,
        "amount_minor": said.amount.minor,
        "currency": said.amount.currency,
        "anchor_at": said.anchor_at,
        "current_period_end_at": said.current_period_end_at,
        "collection_paused": said.collection_paused,
        "resumes_at": said.resumes_at,
        "card_brand": card.brand if card else None,
        "card_last4": card.last4 if card else None,
        "card_expires_on": card.expires_on if card else None,
        "ended_at": said.ended_at,
    }


def find(session: Session, stripe_subscription_id: str) -> Subscription | None:
    """The row as it is committed now, whatever this session has seen before."""
    return session.scalar(
        select(Subscription)
        .where(Subscription.stripe_subscription_id == stripe_subscription_id)
        .execution_options(populate_existing=True)
    )


def running_of_customer(session: Session, stripe_customer_id: str) -> list[str]:
    """Stripe's ids of the subscriptions that a customer has and that are not over, in order."""
    return list(
        session.scalars(
            select(Subscription.stripe_subscription_id)
            .where(
                Subscription.stripe_customer_id == stripe_customer_id,
                Subscription.state != "ended",
            )
            .order_by(Subscription.stripe_subscription_id)
        )
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
    """Write what Stripe says of a subscription, and tell its patron; the same again does nothing.

    The account's row must be locked. `at` dates a change of monthly value for which Stripe keeps
    no time of its own. Raises lifecycle.ForbiddenTransitionError and changes nothing then.
    """
    state = state_of(said)
    change = _change_from(row)
    lifecycle.transition(change.from_state, state)
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
    if _changes_to(row, change):
        session.add(change)
        session.flush()
        log.info("subscription_changed", subscription=row.id, before=change.from_state, after=state)
        # Of a second one (rule B6) a mail of its own tells.
        if not said.is_second:
            telling.tell(session, row, change, by_staff=said.our_end_reason == "staff")
    if change.from_state is None:
        at = said.started_at
    ledger.append(session, row, said.ended_at or at)
    return row


def _copy(said: SubscriptionSnapshot, row: Subscription, state: str) -> None:
    if state == "ended" and row.end_reason is None:
        row.end_reason = (
            "staff"
            if said.is_second
            else lifecycle.end_reason(said.status, said.cancellation_reason, said.our_end_reason)
        )
    for name, value in columns(said).items():
        setattr(row, name, value)
    row.synced_at = clock.now()


def _change_from(row: Subscription | None) -> SubscriptionChange:
    """A history row that begins with what holds now."""
    now = clock.now()
    if row is None:
        return SubscriptionChange(created_at=now)
    return SubscriptionChange(
        from_state=row.state,
        from_amount_minor=row.amount_minor,
        from_interval=row.interval,
        created_at=now,
    )


def _changes_to(row: Subscription, change: SubscriptionChange) -> bool:
    """Let `change` end with what holds by now; whether that is another thing."""
    change.subscription_id = row.id
    change.to_state, change.to_amount_minor, change.to_interval = (
        row.state,
        row.amount_minor,
        row.interval,
    )
    change.currency = row.currency
    before = (change.from_state, change.from_amount_minor, change.from_interval)
    return before != (change.to_state, change.to_amount_minor, change.to_interval)
