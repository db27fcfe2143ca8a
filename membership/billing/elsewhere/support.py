"""What an account pays on another platform."""

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.gifts.models import Gift
from membership.billing.models import Donation, Subscription
from membership.mail import kinds
from membership.mail.models import OutboxEmail

# The mail to who was brought in, when staff ask for it.
ARRIVED = kinds.transactional("arrived")


def of_account(session: Session, account_id: int) -> list[PaidElsewhere]:
    """All that we know of, what lasts longest first."""
    return list(
        session.scalars(
            select(PaidElsewhere)
            .where(PaidElsewhere.account_id == account_id)
            .order_by(PaidElsewhere.paid_until_at.desc(), PaidElsewhere.id)
        )
    )


def is_unasked() -> ColumnElement[bool]:
    """SQL, beside an Account: we know it from a file alone, so nothing in bulk is mailed to it.

    It never signed in, gave nothing through us, took no gift, and was not welcomed.
    """
    ours = (
        exists().where(each.account_id == Account.id) for each in (Subscription, Donation, Gift)
    )
    welcomed = exists().where(OutboxEmail.account_id == Account.id, OutboxEmail.kind == ARRIVED)
    return and_(
        Account.verified_at.is_(None),
        exists().where(PaidElsewhere.account_id == Account.id),
        *(~each for each in ours),
        ~welcomed,
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
