"""The statements by which workers share the outbox (rule M2); each is a transaction of its own.

claim() leases a batch. step() stands between two mails: it writes down what became of one and
marks the next `sending`, so that of each worker exactly one mail is in doubt at any moment. What is
due, and whose lease has run out, the database's clock says, on which workers agree.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import RawCursor
from psycopg.errors import DeadlockDetected
from sqlalchemy import DateTime, bindparam, false, func, literal_column, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from membership import clock
from membership.mail import kinds, letters, refusals
from membership.mail.models import OutboxEmail

BATCH = 100
# Longer than a worker needs for its batch: whoever held a lease that ran out is dead. A sign-in
# mail lives ten minutes, so that another worker still sends it in time.
LEASE = timedelta(minutes=3)
IN_DOUBT = "no answer: it may have been taken"


@dataclass(slots=True)
class Claimed:
    """A mail under a lease, which ends at `lease`; `context` is JSON as text.

    One with `settled_at` is not to be sent: it was final, or has become so by the claim.
    """

    id: int
    kind: str
    recipient: str
    language: str
    context: str
    is_bulk: bool
    state: str
    attempts: int
    not_after_at: datetime | None
    message_id: str
    last_error: str | None
    settled_at: datetime | None
    lease: datetime

    def as_row(self) -> OutboxEmail:
        """As letters.compose() wants it; belongs to no session."""
        return OutboxEmail(
            id=self.id,
            kind=self.kind,
            recipient=self.recipient,
            language=self.language,
            context=json.loads(self.context),
            message_id=self.message_id,
        )


@dataclass(slots=True)
class End:
    """What became of a mail that was `sending`; `state` "pending": to be tried again."""

    mail: Claimed
    state: str
    error: str | None
    at: datetime
    wait: timedelta

    def values(self) -> tuple[object, ...]:
        """As _ENDED names them."""
        sent_at = self.at if self.state == "sent" else None
        settled_at = None if self.state == "pending" else self.at
        said = (self.mail.id, self.mail.lease, self.state, self.error)
        return (*said, sent_at, settled_at, self.wait)


BULK = "bulk"
# Which mails a lane has, and their order. Whoever asks for some asks in this order: a sign-in that
# expires waits behind nothing, and what one person waits for not behind what goes to thousands.
LANES = {
    "expiring": ("NOT is_bulk AND not_after_at IS NOT NULL", "not_after_at, id"),
    "lasting": ("NOT is_bulk", "next_attempt_at, id"),
    BULK: ("is_bulk", "next_attempt_at, id"),
}
# Who must get a mail that is in doubt gets it once more. A release that did not know `is_bulk` or
# `settled_at` may have written the row, so the first is told by the kind as well, and what it has
# ended is settled in passing.
_CLAIM = """
    WITH due AS (
        SELECT id, is_bulk OR kind = ANY(:bulk_kinds) AS may_be_refused,
            state = 'sending' AS was_sending, state NOT IN ('pending', 'sending') AS was_final,
            starts_with(last_error, :in_doubt) IS TRUE AS was_in_doubt
        FROM outbox_email
        WHERE settled_at IS NULL AND {mails} AND next_attempt_at <= statement_timestamp()
        ORDER BY {order} LIMIT :most FOR UPDATE SKIP LOCKED
    ),
    judged AS (
        SELECT *, was_sending AND (may_be_refused OR was_in_doubt) AS is_lost FROM due
    )
    UPDATE outbox_email AS mail SET
        is_bulk = may_be_refused,
        state = CASE WHEN is_lost THEN 'uncertain' WHEN was_sending THEN 'pending' ELSE state END,
        last_error = CASE WHEN was_sending THEN :in_doubt ELSE last_error END,
        settled_at = CASE WHEN is_lost OR was_final THEN coalesce(sent_at, :now) END,
        message_id = CASE WHEN is_lost OR was_final THEN message_id
            ELSE coalesce(message_id, '<' || gen_random_uuid() || :at_domain) END,
        next_attempt_at = statement_timestamp() + :lease
    FROM judged WHERE mail.id = judged.id
    RETURNING mail.id, kind, recipient::text, language, context::text, is_bulk, state, attempts,
        not_after_at, message_id, last_error, settled_at, next_attempt_at
"""
_CLAIMS = {
    lane: text(_CLAIM.format(mails=mails, order=order)).bindparams(
        bindparam("now", type_=DateTime(timezone=True))
    )
    for lane, (mails, order) in LANES.items()
}


def claim(session: Session, lane: str) -> list[Claimed]:
    """Lease due mails of one of LANES, at most a batch, in the order in which they leave.

    With them come those that are final by this: left behind in doubt (rule M2), or ended by a
    release that did not note when.
    """
    values = {
        "bulk_kinds": [kind.name for kind in kinds.bulk_kinds()],
        "in_doubt": IN_DOUBT,
        "now": clock.now(),
        "most": BATCH,
        # Nobody can guess the rest of it: a report names a mail by it.
        "at_domain": f"@{letters.sender().domain}>",
        "lease": LEASE,
    }
    claimed = [Claimed(*row) for row in session.execute(_CLAIMS[lane], values)]
    if lane == "expiring":
        return sorted(claimed, key=lambda mail: (mail.not_after_at, mail.id))
    # As anybody else locks them: nobody waits for us while we wait for them.
    return sorted(claimed, key=lambda mail: mail.id)


def step(session: Session, ended: End | None, begun: Claimed | None) -> str | None:
    """End one leased mail and mark another `sending`, unless it must not go out.

    Gives the state of `begun`: sending, suppressed or expired; None when it is not ours any more,
    since its lease ran out, its campaign pauses, its reader has moved or it was withdrawn.
    """
    values = [
        *([None] * len(_ENDED) if ended is None else ended.values()),
        *([None] * len(_BEGUN) if begun is None else (begun.id, begun.lease, begun.recipient)),
        clock.now(),
    ]
    # By the driver alone: between two mails, SQLAlchemy would take as long as the rest.
    driver: Any = session.connection().connection.driver_connection
    try:
        row = RawCursor(driver).execute(STEP, values, prepare=True).fetchone()
    except DeadlockDetected:
        # Nothing was done, and whoever we stood in the way of has gone on.
        row = RawCursor(driver).execute(STEP, values, prepare=True).fetchone()
    return row[0] if row else None


def give_back(session: Session, mails: Collection[Claimed]) -> None:
    """End the leases of mails that were not tried: they are due."""
    if mails:
        ours = (
            select(OutboxEmail.id)
            .where(OutboxEmail.id.in_([mail.id for mail in mails]))
            .where(OutboxEmail.state == "pending")
            .where(OutboxEmail.next_attempt_at.in_({mail.lease for mail in mails}))
            .order_by(OutboxEmail.id)
            .with_for_update()
        )
        session.execute(
            update(OutboxEmail)
            .where(OutboxEmail.id.in_(ours))
            .values(next_attempt_at=func.statement_timestamp())
            .execution_options(synchronize_session=False)
        )


def _looked_at() -> str:
    """The mail to be begun, locked, and what is in its way, looked at after the wait for the lock:
    PostgreSQL never inlines a CTE that locks rows. It counts `ended` to have the mail before locked
    first, whose id is lower as a rule: others lock in the order of ids."""
    now = literal_column("@now", DateTime(timezone=True))
    obstacle = refusals.obstacle(may_be_refused=OutboxEmail.is_bulk.expression, now=now)
    statement = (
        select(
            OutboxEmail.id,
            obstacle.label("obstacle"),
            func.coalesce(OutboxEmail.not_after_at <= now, false()).label("is_late"),
        )
        .where(
            OutboxEmail.id == literal_column("@begun"),
            OutboxEmail.state == "pending",
            OutboxEmail.next_attempt_at == literal_column("@lease"),
            OutboxEmail.recipient == literal_column("@recipient"),
            literal_column("(SELECT count(*) FROM ended)") >= 0,
        )
        .with_for_update()
    )
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


_ENDED = ("ended", "ended_lease", "state", "error", "sent_at", "settled_at", "wait")
_BEGUN = ("begun", "lease", "recipient")
_VALUES = (*_ENDED, *_BEGUN, "now")
# Built once, when this file is read: all that is left to do for a mail is to send these values,
# which are written @name. `next_attempt_at` stays what the claim made it.
STEP = re.sub(
    r"@(\w+)",
    lambda found: f"${_VALUES.index(found[1]) + 1}",
    f"""
    WITH ended AS (
        UPDATE outbox_email SET
            state = @state, last_error = @error, sent_at = @sent_at, settled_at = @settled_at,
            next_attempt_at = statement_timestamp() + @wait
        WHERE id = @ended AND state = 'sending' AND next_attempt_at = @ended_lease
        RETURNING id
    ),
    looked_at AS ({_looked_at()})
    UPDATE outbox_email SET
        state = CASE WHEN obstacle IS NOT NULL THEN 'suppressed'
                     WHEN is_late THEN 'expired' ELSE 'sending' END,
        attempts = attempts + (obstacle IS NULL AND NOT is_late)::int,
        last_error = coalesce(obstacle, last_error),
        settled_at = CASE WHEN obstacle IS NOT NULL OR is_late THEN @now END
    FROM looked_at WHERE outbox_email.id = looked_at.id
    RETURNING state
    """,
)
