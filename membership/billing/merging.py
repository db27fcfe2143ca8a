"""What of giving stands in the way of merging two accounts."""

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from membership.accounts import merging
from membership.accounts.models import Account
from membership.billing.models import Subscription


def both_give(session: Session, kept: Account, gone: Account) -> str | None:
    """Rule B6: one patron gives by one subscription; which one is to end is not for us to say."""
    giving = session.scalar(
        select(func.count(distinct(Subscription.account_id))).where(
            Subscription.account_id.in_([kept.id, gone.id]), Subscription.state != "ended"
        )
    )
    return "both_give" if giving == 2 else None


merging.register(both_give)
