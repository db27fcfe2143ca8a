"""Declined cards, heard of when their events come in (rule B16).

Counted in the transaction that stores the events, from what the signed event itself says: during
an attack no worker, no Redis and no further request to Stripe stands between a decline and its
counting. No state of money follows from it, so rule B3 does not ask for a second look.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.billing.defence import breaker
from membership.billing.defence.keys import keyed
from membership.billing.defence.models import CardFailure
from membership.billing.models import Checkout
from membership.billing.snapshots import Event

# Older ones, which a backfill brings, say nothing about now.
NEWS = timedelta(days=1)


def hear(session: Session, events: Iterable[Event]) -> None:
    """Count the declined cards among `events`; what was heard of before changes nothing."""
    told = [row for event in events if (row := _decline(event))]
    told = [row for row in told if row["created_at"] > clock.now() - NEWS]
    if not told:
        return
    wanted = {row["checkout_id"] for row in told} - {None}
    ours = set(session.scalars(select(Checkout.id).where(Checkout.id.in_(wanted))))
    rows = [row for row in told if row["checkout_id"] in ours or _may_be_joined(row)]
    if rows:
        session.execute(insert(CardFailure).on_conflict_do_nothing(), rows)
        breaker.judge(session)


def _may_be_joined(row: dict[str, Any]) -> bool:
    """A charge that names no checkout may be a subscription's, which its invoice tells (B5)."""
    return row["checkout_id"] is None and None not in (
        row["fingerprint_hash"],
        row["stripe_customer_id"],
    )


def _decline(event: Event) -> dict[str, Any] | None:
    said = event.payload["data"]["object"]
    if event.type == "charge.failed":
        card = _part(said, "payment_method_details", "card")
        return _row(event, said.get("id"), said, said.get("metadata"), card.get("fingerprint"))
    if (
        event.type == "invoice.payment_failed"
        and said.get("billing_reason") == "subscription_create"
    ):
        # An invoice counts its attempts as retries do, and these are none: the event has the id.
        agreed = _part(said, "parent", "subscription_details")
        return _row(event, event.id, said, agreed.get("metadata"), None)
    return None


def _row(
    event: Event, stripe_id: Any, said: dict[str, Any], metadata: Any, fingerprint: Any
) -> dict[str, Any] | None:
    if not isinstance(stripe_id, str):
        return None
    customer = said.get("customer")
    return {
        "stripe_id": stripe_id,
        "fingerprint_hash": keyed("card", fingerprint) if fingerprint else None,
        "stripe_customer_id": customer if isinstance(customer, str) else None,
        "checkout_id": _uuid(metadata.get("checkout") if isinstance(metadata, dict) else None),
        # A clock that is ahead must not count for longer.
        "created_at": min(event.created_at, clock.now()),
    }


def _part(said: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        found = said.get(name)
        said = found if isinstance(found, dict) else {}
    return said


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(text)
    except (ValueError, TypeError, AttributeError):
        return None
