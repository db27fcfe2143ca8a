"""Taking names off the events that an older release stored whole (rule S10)."""

from time import monotonic

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from membership.billing.models import StripeEvent
from membership.billing.snapshots import LEADS
from membership.db import transaction

BATCH = 1000
# A run ends in time for the task's limit; the next one takes up the rest.
RUN_SECONDS = 60.0


def strip_old() -> int:
    """Leave of each stored event what Event.kept keeps; how many were stripped.

    In short transactions, so that nobody waits; once all are stripped, an empty index says so.
    """
    ends_at = monotonic() + RUN_SECONDS
    stripped = 0
    while monotonic() < ends_at:
        with transaction() as session:
            batch = _strip_batch(session)
        stripped += batch
        if batch < BATCH:
            break
    return stripped


def _strip_batch(session: Session) -> int:
    whole = (
        select(StripeEvent.id)
        .where(~StripeEvent.is_stripped)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    said = StripeEvent.payload["data"]["object"]
    leads = func.jsonb_build_object(*(part for name in LEADS for part in (name, said[name])))
    bare = func.jsonb_build_object(
        "data", func.jsonb_build_object("object", func.jsonb_strip_nulls(leads))
    )
    stripped = session.scalars(
        update(StripeEvent)
        .where(StripeEvent.id.in_(whole))
        .values(
            payload=case(
                (StripeEvent.payload.has_key("data"), StripeEvent.payload.concat(bare)),
                else_=StripeEvent.payload,
            ),
            is_stripped=True,
        )
        .returning(StripeEvent.id)
        .execution_options(synchronize_session=False)
    )
    return len(stripped.all())
