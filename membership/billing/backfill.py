"""Fetching events that never reached us (rule B4): Stripe keeps them for 30 days.

By itself this happens every hour, for the events that an endpoint has not taken; once more for all
the 30 days with the nightly comparison.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.background import wake
from membership.billing import gateway, inbox
from membership.billing.models import StripeEvent
from membership.billing.snapshots import Event
from membership.db import transaction

log = structlog.get_logger(__name__)

KEPT = timedelta(days=30)
# For so long Stripe tries to deliver an event by itself; newer ones may have come before it.
OVERLAP = timedelta(days=3)
# A run ends in time for the task's limit; the nightly comparison has the patience for the rest.
RUN_SECONDS = 120.0


@dataclass(frozen=True)
class Backfilled:
    """How many events Stripe had, how many of them we missed, and how many are tried again."""

    seen: int
    missing: int
    again: int


def backfill(since: datetime) -> Backfilled:
    """Store the events from `since` on that we miss, and try set-aside ones once more.

    Whether Stripe could deliver them does not matter: a database restored from a copy misses some
    that it took. Raises the gateway's errors; what is stored until then stays.
    """
    seen = missing = 0
    for page in gateway.pages(gateway.recent_events, since):
        seen += len(page.entries)
        missing += keep(page)
    with transaction() as session:
        again = session.scalars(
            update(StripeEvent)
            .where(StripeEvent.state == "failed", StripeEvent.created_at >= since)
            .values(state="pending", attempts=0, next_attempt_at=func.now())
            .returning(StripeEvent.id)
        ).all()
        wake(session, "billing.process_events")
    return Backfilled(seen, missing, len(again))


def fetch_undelivered() -> int:
    """Store what Stripe could not deliver since shortly before the newest event; how many.

    When Stripe is away, the next run fetches the rest.
    """
    ends_at = monotonic() + RUN_SECONDS
    with transaction() as session:
        since = _newest(session) - OVERLAP
    missing = 0
    try:
        for page in gateway.pages(gateway.undelivered_events, since):
            missing += keep(page)
            if monotonic() > ends_at:
                break
    except gateway.StripeUnavailableError as error:
        log.warning("backfill_put_off", reason=str(error))
    if missing:
        log.info("events_were_missing", count=missing)
    return missing


def keep(page: gateway.Page[Event]) -> int:
    """Store a page's events that we miss; how many."""
    with transaction() as session:
        return inbox.store(session, [each.said for each in page.entries if each.said])


def _newest(session: Session) -> datetime:
    """When the event that came last was made."""
    last = select(StripeEvent.created_at).order_by(StripeEvent.received_at.desc()).limit(1)
    return session.scalar(last) or clock.now() - KEPT
