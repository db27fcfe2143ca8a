"""What an account pays on another platform."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.billing.elsewhere.models import PaidElsewhere


def of_account(session: Session, account_id: int) -> list[PaidElsewhere]:
    """All that we know of, what lasts longest first."""
    return list(
        session.scalars(
            select(PaidElsewhere)
            .where(PaidElsewhere.account_id == account_id)
            .order_by(PaidElsewhere.paid_until_at.desc(), PaidElsewhere.id)
        )
    )


def lasting(session: Session, account_id: int) -> PaidElsewhere | None:
    """What is paid for now; of several, what lasts longest."""
    now = clock.now()
    return next(
        (
            each
            for each in of_account(session, account_id)
            if each.since_at <= now < each.paid_until_at
        ),
        None,
    )
