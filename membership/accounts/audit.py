"""The audit log: who did what. Append-only, each entry chained to the one before (rule S9).

The database refuses to change or delete an entry; whoever gets around that breaks the chain.
Entries cut off at the end leave no gap, so `flask audit verify` prints the last hash: note it
elsewhere, and a later run must still pass through it.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import AuditEntry
from membership.db import before_commit, lock

BEGINNING = bytes(32)


class BrokenChainError(RuntimeError):
    """An entry of the audit log is not what was written."""


@dataclass(frozen=True)
class Verified:
    """An intact log: how many entries, and the hash of the last."""

    entries: int
    last_hash: bytes


def record(
    session: Session, action: str, subject: str, actor_id: int | None = None, **detail: Any
) -> None:
    """Append an entry: `actor_id` (an account; None is the system) did `action` to `subject`.

    `subject` is like "donation:12"; `detail` is JSON without floats (ValueError), whose text would
    not come back from the database as it went in.

    What it tells of is flushed; the entry itself is written just before the commit: everybody
    needs the log's lock, so whoever holds it waits for no other lock and has nothing left to do.
    """
    entry = AuditEntry(
        actor_id=actor_id,
        action=action,
        subject=subject,
        detail=_without_floats(detail),
        created_at=clock.now(),
    )
    session.flush()
    before_commit(session, lambda: _append(session, entry))


def _append(session: Session, entry: AuditEntry) -> None:
    lock(session, "audit_entry")
    previous = session.scalar(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1))
    entry.previous_hash = previous or BEGINNING
    entry.hash = _hash(entry)
    session.add(entry)
    session.flush()


def verify(session: Session) -> Verified:
    """Walk the whole chain. Raises BrokenChainError, naming the first entry that does not fit."""
    count, last = 0, BEGINNING
    for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id)).yield_per(1000):
        if entry.previous_hash != last:
            raise BrokenChainError(f"Entry {entry.id} does not follow the one before it.")
        if entry.hash != _hash(entry):
            raise BrokenChainError(f"Entry {entry.id} was changed after it was written.")
        count, last = count + 1, entry.hash
    return Verified(count, last)


def _hash(entry: AuditEntry) -> bytes:
    said = [
        entry.previous_hash.hex(),
        entry.actor_id,
        entry.action,
        entry.subject,
        entry.detail,
        _utc(entry.created_at),
    ]
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _without_floats(detail: dict[str, Any]) -> dict[str, Any]:
    """As it will come back from the database; what the caller does to it later changes nothing."""

    def refuse(number: str) -> None:
        raise ValueError(f"the audit log keeps no floats: {number}")

    kept: dict[str, Any] = json.loads(json.dumps(detail), parse_float=refuse, parse_constant=refuse)
    return kept
