"""What needs a person now: counts of what no program will mend by itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership import clock
from membership.billing.defence.models import CardTesting
from membership.billing.models import StripeEvent
from membership.mail.models import OutboxEmail
from membership.voting.models import Topic

# Until then a waiting event or mail is only on its way.
PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True)
class Attention:
    failed_events: int
    late_events: int
    failed_mails: int
    late_mails: int
    suggestions: int
    # Since when everyone who gives is asked for a proof of work; None when nobody is (rule B16).
    card_testing_since: datetime | None


def attention(session: Session) -> Attention:
    """Everything in one query."""
    late = clock.now() - PATIENCE
    counts = (
        select(func.count()).where(StripeEvent.state == "failed"),
        select(func.count()).where(
            StripeEvent.state == "pending", StripeEvent.next_attempt_at < late
        ),
        select(func.count()).where(OutboxEmail.state.in_(("failed", "uncertain"))),
        select(func.count()).where(
            OutboxEmail.state.in_(("pending", "sending")), OutboxEmail.next_attempt_at < late
        ),
        select(func.count()).where(Topic.state == "suggested"),
        select(CardTesting.started_at).where(CardTesting.ended_at.is_(None)),
    )
    row = session.execute(select(*(count.scalar_subquery() for count in counts))).one()
    return Attention(*row)
