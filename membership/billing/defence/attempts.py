"""Payment pages that were opened, counted by network and by address (rule B16)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from membership import clock
from membership.billing.defence import rules
from membership.billing.defence.keys import keyed
from membership.billing.defence.models import (
    CardFailure,
    CardTesting,
    GivingAttempt,
    SolvedChallenge,
)
from membership.db import lock
from membership.web import networks

# Rule S10.
KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Giver:
    """Who asks for a payment page, as far as we count: hashes of network and address."""

    prefix_hash: bytes
    email_hash: bytes

    @classmethod
    def of(cls, email: str, network: str) -> "Giver":
        return cls(keyed("network", networks.prefix(network)), _email_hash(email))


def asked(session: Session, giver: Giver) -> rules.Asked:
    """What `giver` has opened and not paid.

    Others of the same network or address wait until this transaction ends, so that a hundred
    forms sent at once are counted one after another.
    """
    for subject in (giver.prefix_hash, giver.email_hash):
        lock(session, f"giving:{subject.hex()}")
    return rules.Asked(
        by_network=_unpaid(
            session, GivingAttempt.prefix_hash == giver.prefix_hash, rules.FREE_OF_NETWORK
        ),
        by_email=_unpaid(
            session, GivingAttempt.email_hash == giver.email_hash, rules.FREE_OF_EMAIL
        ),
    )


def opened(session: Session, giver: Giver) -> None:
    """Count a payment page that `giver` may open."""
    session.add(
        GivingAttempt(
            prefix_hash=giver.prefix_hash, email_hash=giver.email_hash, created_at=clock.now()
        )
    )
    session.flush()


def paid(session: Session, email: str) -> None:
    """A page of this address was paid: its newest attempt counts against nobody any more."""
    newest = (
        select(GivingAttempt.id)
        .where(GivingAttempt.email_hash == _email_hash(email), GivingAttempt.completed_at.is_(None))
        .order_by(GivingAttempt.created_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    session.execute(
        update(GivingAttempt).where(GivingAttempt.id == newest).values(completed_at=clock.now())
    )


def count(
    session: Session,
    at: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    *which: ColumnElement[bool],
    spans: tuple[int, ...],
    since: datetime | None = None,
) -> dict[int, int]:
    """How many rows had their moment `at` in the last so many seconds, not before `since`."""
    now = clock.now()
    starts = [now - timedelta(seconds=span) for span in spans]
    if since is not None:
        starts = [max(start, since) for start in starts]
    counts = session.execute(
        select(*(func.count().filter(at > start) for start in starts)).where(
            at > min(starts), *which
        )
    ).one()
    return dict(zip(spans, counts, strict=True))


def forget_old(session: Session) -> None:
    """Delete what is older than a week, and proofs that are too old to be used again."""
    now = clock.now()
    for model in (GivingAttempt, CardFailure):
        session.execute(delete(model).where(model.created_at < now - KEPT))
    session.execute(delete(CardTesting).where(CardTesting.ended_at < now - KEPT))
    session.execute(delete(SolvedChallenge).where(SolvedChallenge.expires_at < now))


def _unpaid(session: Session, whose: ColumnElement[bool], free: dict[int, int]) -> dict[int, int]:
    unpaid = GivingAttempt.completed_at.is_(None)
    return count(session, GivingAttempt.created_at, whose, unpaid, spans=tuple(free))


def _email_hash(email: str) -> bytes:
    return keyed("address", email.lower())
