"""The statements by which workers share the outbox (rule M2); each is a transaction of its own.

claim() leases a batch. step() stands between two mails: it writes down what became of one and
marks the next `sending`, so that of each worker exactly one mail is in doubt at any moment.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Row,
    and_,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from membership import clock
from membership.db import statements
from membership.mail import kinds, letters, refusals
from membership.mail.models import OutboxEmail

BATCH = 100
# Longer than a worker needs for its batch: whoever held a lease that ran out is dead. A sign-in
# mail lives ten minutes, so that another worker still sends it in time.
LEASE = timedelta(minutes=3)
IN_DOUBT = "no answer: it may have been taken"


@dataclass(frozen=True)
class End:
    """What became of a mail that was `sending`; `state` "pending": to be tried again."""

    mail: OutboxEmail
    state: str
    error: str | None
    at: datetime
    next_attempt_at: datetime


def claim(*, is_bulk: bool) -> list[OutboxEmail]:
    """Lease due mails, at most a batch, those that expire first in front.

    With them come those that are final by this: left behind in doubt (rule M2), or ended by a
    release that did not note when (`settled_at` tells them apart).
    """
    now = clock.now()
    due = (
        select(OutboxEmail.id)
        .where(
            OutboxEmail.settled_at.is_(None),
            OutboxEmail.is_bulk.is_(is_bulk),
            OutboxEmail.next_attempt_at <= now,
        )
        .order_by(OutboxEmail.next_attempt_at, OutboxEmail.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    # A release that did not know the column may have written the row.
    may_be_refused = or_(OutboxEmail.is_bulk, OutboxEmail.kind.in_(_bulk_kinds()))
    was_sending = OutboxEmail.state == "sending"
    # One that must arrive is sent once more.
    is_lost = and_(was_sending, or_(may_be_refused, OutboxEmail.last_error.startswith(IN_DOUBT)))
    is_final = or_(is_lost, OutboxEmail.state.not_in(["pending", "sending"]))
    statement = (
        update(OutboxEmail)
        .where(OutboxEmail.id == due.c.id)
        .values(
            is_bulk=may_be_refused,
            state=case((is_lost, "uncertain"), (was_sending, "pending"), else_=OutboxEmail.state),
            last_error=case((was_sending, IN_DOUBT), else_=OutboxEmail.last_error),
            settled_at=case((is_final, func.coalesce(OutboxEmail.sent_at, now))),
            message_id=case((is_final, OutboxEmail.message_id), else_=_message_id()),
            next_attempt_at=now + LEASE,
        )
        .returning(OutboxEmail)
        .execution_options(synchronize_session=False)
    )
    with statements() as session:
        claimed = list(session.scalars(statement))
    return sorted(claimed, key=lambda mail: (mail.not_after_at is None, mail.not_after_at, mail.id))


def step(session: Session, ended: End | None, begun: OutboxEmail | None) -> str | None:
    """End one leased mail and mark another `sending`, unless it must not go out.

    Gives the state of `begun`: sending, suppressed or expired; None when it is not ours any more,
    since its lease ran out, its campaign pauses, or it was withdrawn.
    """
    now = clock.now()
    values = {
        "ended_id": ended and ended.mail.id,
        "ended_lease": ended and ended.mail.next_attempt_at,
        "state": ended and ended.state,
        "error": ended and ended.error,
        "sent_at": ended.at if ended and ended.state == "sent" else None,
        "settled_at": ended.at if ended and ended.state != "pending" else None,
        "next_attempt_at": ended and ended.next_attempt_at,
        "begun_id": begun and begun.id,
        "lease": begun and begun.next_attempt_at,
        "now": now,
    }
    row: Row[str] | None = session.connection().execute(STEP, values).one_or_none()
    return row[0] if row else None


def give_back(session: Session, mails: Collection[OutboxEmail]) -> None:
    """End the leases of mails that were not tried: they are due."""
    leases = {mail.next_attempt_at for mail in mails}
    if leases:
        session.execute(
            update(OutboxEmail)
            .where(OutboxEmail.id.in_([mail.id for mail in mails]))
            .where(OutboxEmail.state == "pending", OutboxEmail.next_attempt_at.in_(leases))
            .values(next_attempt_at=clock.now())
            .execution_options(synchronize_session=False)
        )


def is_due() -> bool:
    """Whether there is anything that claim() would lease."""
    looked_for = or_(
        *(
            select(OutboxEmail.id)
            .where(OutboxEmail.settled_at.is_(None), OutboxEmail.is_bulk.is_(is_bulk))
            .where(OutboxEmail.next_attempt_at <= clock.now())
            .exists()
            for is_bulk in (False, True)
        )
    )
    with statements() as session:
        return bool(session.scalar(select(looked_for)))


def _bulk_kinds() -> list[str]:
    return [kind.name for kind in kinds.bulk_kinds()]


def _message_id() -> ColumnElement[str]:
    """The one it had, else a new one that nobody can guess: a report names a mail by it."""
    new = func.concat("<", func.gen_random_uuid(), f"@{letters.sender().domain}>")
    return func.coalesce(OutboxEmail.message_id, new)


def _looked_at() -> str:
    """The mail to be begun, locked, and what is in its way, looked at after the wait for the lock:
    PostgreSQL never inlines a CTE that locks rows."""
    now = literal_column(":now", DateTime(timezone=True))
    obstacle = refusals.obstacle(may_be_refused=OutboxEmail.is_bulk.expression, now=now)
    statement = (
        select(
            OutboxEmail.id,
            obstacle.label("obstacle"),
            func.coalesce(OutboxEmail.not_after_at <= now, false()).label("is_late"),
        )
        .where(
            OutboxEmail.id == literal_column(":begun_id"),
            OutboxEmail.state == "pending",
            OutboxEmail.next_attempt_at == literal_column(":lease"),
        )
        .with_for_update()
    )
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


# Built once, when this file is read: all that is left to do for a mail is to send these values.
# `next_attempt_at` stays what the claim made it.
STEP = text(f"""
    WITH ended AS (
        UPDATE outbox_email SET
            state = :state, last_error = :error, sent_at = :sent_at, settled_at = :settled_at,
            next_attempt_at = :next_attempt_at
        WHERE id = :ended_id AND state = 'sending' AND next_attempt_at = :ended_lease
    ),
    looked_at AS ({_looked_at()})
    UPDATE outbox_email SET
        state = CASE WHEN obstacle IS NOT NULL THEN 'suppressed'
                     WHEN is_late THEN 'expired' ELSE 'sending' END,
        attempts = attempts + (obstacle IS NULL AND NOT is_late)::int,
        last_error = coalesce(obstacle, last_error),
        settled_at = CASE WHEN obstacle IS NOT NULL OR is_late THEN :now END
    FROM looked_at WHERE outbox_email.id = looked_at.id
    RETURNING state
""")
