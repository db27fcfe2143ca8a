"""Fetching events that never reached us (rule B4): Stripe keeps them for 30 days."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, update

from membership.background import wake
from membership.billing import gateway, inbox
from membership.billing.models import StripeEvent
from membership.db import transaction


@dataclass(frozen=True)
class Backfilled:
    """How many events Stripe had, how many of them we missed, and how many are tried again."""

    seen: int
    missing: int
    again: int


def backfill(since: datetime) -> Backfilled:
    """Store the events from `since` on that we miss, and try set-aside ones once more.

    Each is stored by itself, so that what broke off goes on where it was. Raises the gateway's
    errors.
    """
    seen = missing = 0
    for event in gateway.events_since(since):
        seen += 1
        with transaction() as session:
            missing += inbox.store(session, [event])
    with transaction() as session:
        again = session.scalars(
            update(StripeEvent)
            .where(StripeEvent.state == "failed", StripeEvent.created_at >= since)
            .values(state="pending", attempts=0, next_attempt_at=func.now())
            .returning(StripeEvent.id)
        ).all()
        wake(session, "billing.process_events")
    return Backfilled(seen, missing, len(again))
