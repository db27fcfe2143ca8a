"""What an account pays on another platform."""

from collections import defaultdict

from sqlalchemy import ARRAY, BigInteger, ColumnElement, and_, any_, exists, literal, select
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
    return of_accounts(session, [account_id]).get(account_id, [])


def of_accounts(session: Session, account_ids: list[int]) -> dict[int, list[PaidElsewhere]]:
    """The same of each of them that pays or paid elsewhere, in one query."""
    found: dict[int, list[PaidElsewhere]] = defaultdict(list)
    for each in session.scalars(
        select(PaidElsewhere)
        .where(PaidElsewhere.account_id == any_(literal(account_ids, ARRAY(BigInteger))))
        .order_by(PaidElsewhere.paid_until_at.desc(), PaidElsewhere.id)
    ):
        found[each.account_id].append(each)
    return found


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
    return next((each for each in of_account(session, account_id) if each.lasts(now)), None)
