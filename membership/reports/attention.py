"""What needs a person now: counts of what no program will mend by itself.

Reminders of a vote are not among the mails: how many there are tells the turnout (rule V4).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from membership import clock
from membership.billing import giving_back
from membership.billing.comparison.models import Comparison, Difference
from membership.billing.defence.models import CardTesting
from membership.billing.models import Dispute, StripeEvent
from membership.mail.models import OutboxEmail
from membership.voting.models import Topic
from membership.voting.telling import shows_who_voted

# Until then a waiting event or mail is only on its way.
PATIENCE = timedelta(minutes=10)
# A comparison begins every night and takes minutes.
COMPARED_WITHIN = timedelta(hours=26)


@dataclass(frozen=True)
class Attention:
    failed_events: int
    late_events: int
    failed_mails: int
    late_mails: int
    suggestions: int
    disputes: int
    fraud_warnings: int
    late_refunds: int
    # Since when everyone who gives is asked for a proof of work; None when nobody is (rule B16).
    card_testing_since: datetime | None
    unrepaired_differences: int
    # When Stripe was last compared with ours, once that is late; None when all is well.
    not_compared_since: datetime | None
    # By how many seconds this machine's clock is ahead of others', if that matters, else 0 (B17).
    clock_off_seconds: int


def attention(session: Session) -> Attention:
    """Everything in one query."""
    late = clock.now() - PATIENCE
    counts = (
        select(func.count()).where(StripeEvent.state == "failed"),
        select(func.count()).where(
            StripeEvent.state == "pending", StripeEvent.next_attempt_at < late
        ),
        select(func.count()).where(
            OutboxEmail.state.in_(("failed", "uncertain")), ~shows_who_voted()
        ),
        select(func.count()).where(
            OutboxEmail.state.in_(("pending", "sending")),
            # Which those two are not, and for which there is an index.
            OutboxEmail.settled_at.is_(None),
            OutboxEmail.next_attempt_at < late,
            ~shows_who_voted(),
        ),
        select(func.count()).where(Topic.state == "suggested", Topic.approved_at.is_(None)),
        select(func.count()).where(Dispute.kind == "dispute", Dispute.closed_at.is_(None)),
        select(func.count()).where(Dispute.kind == "fraud_warning", Dispute.closed_at.is_(None)),
        select(func.count()).where(giving_back.waits_too_long()),
        select(CardTesting.started_at).where(CardTesting.ended_at.is_(None)),
        select(func.count()).where(Difference.repaired_at.is_(None)),
        *_last_compared(),
        select(Comparison.clock_off_seconds)
        .where(Comparison.clock_off_seconds.is_not(None))
        .order_by(Comparison.id.desc())
        .limit(1),
        select(func.clock_timestamp()),
    )
    *found, finished_at, begun_at, clock_off, there = session.execute(
        select(*(count.scalar_subquery() for count in counts))
    ).one()
    now = clock.now()
    found += [_if_late(finished_at or begun_at, now), _off(now - there, clock_off)]
    return Attention(*found)


def _last_compared() -> tuple[Select[Any], Select[Any]]:
    """When a comparison was finished last; and since when there could have been one."""
    received = select(func.min(StripeEvent.received_at)).scalar_subquery()
    return (
        select(func.max(Comparison.finished_at)),
        select(func.coalesce(func.min(Comparison.started_at), received)),
    )


def _if_late(compared_at: datetime | None, now: datetime) -> datetime | None:
    return compared_at if compared_at and compared_at < now - COMPARED_WITHIN else None


def _off(from_database: timedelta, from_stripe: int | None) -> int:
    """The greater of what the clock is off from the database's now, and was from Stripe's."""
    measured = (int(from_database.total_seconds()), from_stripe or 0)
    off = max(measured, key=abs)
    return off if abs(off) > clock.TOLERANCE.total_seconds() else 0
