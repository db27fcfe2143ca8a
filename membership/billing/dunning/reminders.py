"""Letters that are due: rows say so, and Stripe is asked again when one is written (rule B12)."""

from datetime import timedelta
from time import monotonic

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.billing import gateway, sync
from membership.billing.dunning import following, letters, rules
from membership.billing.dunning.models import Dunning
from membership.billing.models import Subscription
from membership.db import transaction

log = structlog.get_logger(__name__)

# Whoever claims a row writes its letter within this, or it is due again.
LEASE = timedelta(minutes=10)
# A run ends in time for the task's limit; the next wake-up takes up the rest.
BATCH = 200
RUN_SECONDS = 120.0


def remind_due() -> int:
    """Write the letters that are due; how many rows were looked at.

    One that goes wrong is due again after its lease and never holds up the rest (lesson L7).
    """
    ends_at = monotonic() + RUN_SECONDS
    done = 0
    while done < BATCH and monotonic() < ends_at:
        claimed = _claim()
        if claimed is None or not _remind(claimed):
            break
        done += 1
    return done


def _claim() -> int | None:
    with transaction() as session:
        row = session.scalar(
            select(Dunning)
            .where(Dunning.is_open, Dunning.next_letter_at <= clock.now())
            .order_by(Dunning.next_letter_at)
            .limit(1)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        if row is None:
            return None
        row.next_letter_at = clock.now() + LEASE
        return row.id


def _remind(dunning_id: int) -> bool:
    """Whether the run may go on; False when Stripe is away."""
    try:
        with transaction() as session:
            _write(session, dunning_id)
    except gateway.StripeUnavailableError as error:
        log.warning("letter_waits_for_stripe", dunning=dunning_id, reason=str(error))
        return not isinstance(error, gateway.StripeAwayError)
    # Whatever is wrong with one row must not stop the others.
    except Exception as error:
        log.error("letter_not_written", dunning=dunning_id, exc_info=error)
    return True


def _write(session: Session, dunning_id: int) -> None:
    """The next letter, unless the payment has come meanwhile."""
    found = session.get_one(Dunning, dunning_id)
    subscription = session.get_one(Subscription, found.subscription_id)
    sync.sync_subscription(session, subscription.stripe_subscription_id, clock.now())
    row = session.get_one(Dunning, dunning_id, populate_existing=True)
    if not row.is_open:
        return
    now = clock.now()
    if following.open_of(session, subscription.id) is not row:
        # An older payment of the same support fails, too: one series of letters is enough.
        row.next_letter_at = now + rules.SHORTEST_PAUSE
        return
    row.letters += 1
    row.next_letter_at = rules.next_letter_at(row.failed_at, row.letters, now)
    is_last = row.next_letter_at is None
    letters.still_failing(session, subscription, row, row.letters, is_last)
