"""What a comparison walks through, in this order."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from membership.billing import backfill, gateway
from membership.billing.comparison import payments, subscriptions
from membership.billing.comparison.models import Difference
from membership.billing.comparison.steps import Place, Step, Suspect
from membership.db import transaction

PAGE = 100


def walk_events(started_at: datetime, place: Place) -> Step:
    """The next page of events that never reached us; they are stored, and suspect nobody."""
    page = gateway.undelivered_events(started_at - backfill.KEPT, place.after)
    backfill.keep(page)
    then = Place(page.entries[-1].id) if page.has_more else None
    return Step(len(page.entries), [], then, page.answered_at)


def walk_again(started_at: datetime, place: Place) -> Step:
    """The next page of differences that an earlier run could not repair."""
    query = (
        select(Difference.id, Difference.kind, Difference.stripe_id)
        .where(
            Difference.repaired_at.is_(None),
            Difference.created_at < started_at,
            Difference.id > int(place.after or 0),
        )
        .order_by(Difference.id)
        .limit(PAGE)
    )
    with transaction() as session:
        rows = session.execute(query).all()
    suspects = [Suspect(kind, stripe_id) for _id, kind, stripe_id in rows]
    return Step(0, suspects, Place(str(rows[-1][0])) if len(rows) == PAGE else None)


Walk = Callable[[datetime, Place], Step]
STAGES: dict[str, Walk] = {
    "events": walk_events,
    "subscriptions": subscriptions.walk,
    "ledger": subscriptions.walk_ledger,
    "invoices": payments.walk_invoices,
    "payments": payments.walk_payments,
    "disputes": payments.walk_disputes,
    "refunds": payments.walk_refunds,
    "again": walk_again,
}
# Those that have a count of their own in the run's row.
COUNTED = ("events", "subscriptions", "invoices", "payments")
