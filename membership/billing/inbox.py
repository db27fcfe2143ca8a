"""Stripe's events: stored when they come, processed when they are due (rules B1 to B4).

A stored event is due until it is processed or ignored. A worker claims one at a time under a
lease, so that what a dying worker held comes back by itself.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import structlog
from flask import Flask, current_app
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.background import wake
from membership.billing import gateway, sync
from membership.billing.defence import failures
from membership.billing.intake import Intake
from membership.billing.models import StripeEvent
from membership.billing.snapshots import Event
from membership.db import transaction

log = structlog.get_logger(__name__)

LARGEST_BODY = 256 * 1024
LEASE = timedelta(minutes=10)
# An event that fails this often by itself is set aside; Stripe's own failures are not counted.
ATTEMPTS = 8
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
# What Stripe's failures have kept waiting for so long is somebody's business.
TOO_LONG = timedelta(hours=1)
# A run ends in time for the task's limit; the next wake-up takes up the rest.
BATCH = 100
RUN_SECONDS = 120.0
# Events that one worker process follows at a time; each holds a connection to the database.
SIDE_BY_SIDE = 4
# One statement for any number of events.
KEEP_NEW = text(
    "INSERT INTO stripe_event"
    " (id, type, object_id, payload, is_stripped, state, created_at, attempts)"
    " SELECT id, type, object_id, payload, true, state, created_at, 0"
    " FROM jsonb_to_recordset(:events)"
    " AS event (id text, type text, object_id text, payload jsonb, state text,"
    " created_at timestamptz) ON CONFLICT (id) DO NOTHING RETURNING state"
).bindparams(bindparam("events", type_=JSONB))


class RefusedWebhookError(ValueError):
    """What came is no event that we accept; nothing was stored."""


def receive(body: bytes, signature: str) -> None:
    """Store the event of a webhook's raw body and wake the worker. The same one again is fine.

    Raises RefusedWebhookError: too large, signed by someone else or too long ago, not an event,
    or of the wrong world (test or live).
    """
    if len(body) > LARGEST_BODY:
        raise RefusedWebhookError("too large")
    try:
        event = gateway.verified_event(body, signature)
    except gateway.BadSignatureError as error:
        raise RefusedWebhookError(str(error)) from error
    if event.is_live != settings().is_live:
        raise RefusedWebhookError("live and test do not mix")
    _intake.bring(event)


def store(session: Session, events: Sequence[Event]) -> int:
    """Keep events, each once; how many are new and have something to be done about (rule B2)."""
    rows = [
        {
            "id": event.id,
            "type": event.type,
            "object_id": event.payload["data"]["object"].get("id"),
            "payload": event.kept,
            "state": "pending" if event.type in sync.FOLLOWERS else "ignored",
            "created_at": event.created_at.isoformat(),
        }
        for event in events
    ]
    kept = session.connection().execute(KEEP_NEW, {"events": rows})
    failures.hear(session, events)
    due: int = sum(state == "pending" for state in kept.scalars())
    if due:
        wake(session, "billing.process_events")
    return due


def _store_together(events: Sequence[Event]) -> None:
    with transaction() as session:
        store(session, events)


_intake = Intake(_store_together)


@dataclass(frozen=True)
class Claim:
    """An event that this worker alone works on until its lease ends; `age` since it came."""

    id: str
    type: str
    attempts: int
    age: timedelta


def process_due_side_by_side(threads: int = SIDE_BY_SIDE) -> int:
    """process_due() in several threads: most of an event's time is spent waiting for Stripe."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def process() -> int:
        with app.app_context():
            return process_due()

    with ThreadPoolExecutor(threads, "events") as pool:
        running = [pool.submit(process) for _ in range(threads)]
        return sum(each.result() for each in running)


def process_due(limit: int = BATCH) -> int:
    """Process the events that are due, one after another; how many were.

    One that fails waits and is tried again; it never holds up the rest (lesson L7). When Stripe
    is away the run ends, since nothing else would go better.
    """
    ends_at = monotonic() + RUN_SECONDS
    done = 0
    while done < limit and monotonic() < ends_at:
        claim = _claim()
        if claim is None or not _process(claim):
            break
        done += 1
    return done


def _claim() -> Claim | None:
    with transaction() as session:
        event = session.scalar(
            select(StripeEvent)
            .where(StripeEvent.state == "pending", StripeEvent.next_attempt_at <= func.now())
            .order_by(StripeEvent.next_attempt_at, StripeEvent.created_at)
            .limit(1)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        if event is None:
            return None
        event.attempts += 1
        event.next_attempt_at = func.now() + LEASE
        return Claim(event.id, event.type, event.attempts, clock.now() - event.received_at)


def _process(claim: Claim) -> bool:
    """Whether the run may go on; False when Stripe is away."""
    try:
        with transaction() as session:
            event = session.get_one(StripeEvent, claim.id)
            followed = sync.follow(session, event)
            event.state = "processed" if followed else "ignored"
            event.processed_at = func.now()
            event.last_error = None
    except gateway.StripeUnavailableError as error:
        _wait_for_stripe(claim, error)
        return not isinstance(error, gateway.StripeAwayError)
    # Whatever is wrong with one event must not stop the others.
    except Exception as error:
        known = {"stripe_event": claim.id, "type": claim.type, "attempts": claim.attempts}
        if claim.attempts >= ATTEMPTS:
            log.error("stripe_event_set_aside", **known, exc_info=error)
            _set_aside(claim, error)
        else:
            log.warning("stripe_event_failed", **known, reason=in_a_line(error))
            _put_off(claim, error, FIRST_WAIT * 2 ** (claim.attempts - 1))
    return True


def _wait_for_stripe(claim: Claim, error: gateway.StripeUnavailableError) -> None:
    """Without an end, and without counting the attempt: the event is not to blame."""
    say = log.error if claim.age > TOO_LONG else log.warning
    say("stripe_unavailable", stripe_event=claim.id, type=claim.type, reason=in_a_line(error))
    _put_off(claim, error, max(claim.age / 4, FIRST_WAIT), attempts=claim.attempts - 1)


def _put_off(claim: Claim, error: Exception, wait: timedelta, **values: int) -> None:
    with transaction() as session:
        session.execute(
            update(StripeEvent)
            .where(StripeEvent.id == claim.id, StripeEvent.state == "pending")
            .values(
                next_attempt_at=func.now() + min(wait, LONGEST_WAIT),
                last_error=in_a_line(error),
                **values,
            )
        )


def _set_aside(claim: Claim, error: Exception) -> None:
    with transaction() as session:
        session.execute(
            update(StripeEvent)
            .where(StripeEvent.id == claim.id, StripeEvent.state == "pending")
            .values(state="failed", last_error=in_a_line(error))
        )


def in_a_line(error: Exception) -> str:
    """For staff: the kind of error and its first line, which names ids but no person."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:500]
