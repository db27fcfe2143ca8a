"""What of voting stands in the way of merging two accounts."""

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from membership.accounts import merging
from membership.accounts.models import Account
from membership.billing.gifts.models import Gift
from membership.billing.models import Subscription
from membership.voting.models import Round


def may_have_voted(session: Session, _kept: Account, gone: Account) -> str | None:
    """Until every round is settled, whoever could have a ballot in one is not merged.

    Whether there is a ballot is not asked: the answer would tell that somebody has voted (rules V4,
    V8), and of two ballots of one person one would have to go. Who never gave regularly and never
    took a gift could not vote (rule V3).
    """
    is_under_way = exists().where(Round.state.in_(("open", "closed")))
    has_subscribed = exists().where(Subscription.account_id == gone.id)
    took_gift = exists().where(Gift.account_id == gone.id)
    found = session.scalar(select(is_under_way & or_(has_subscribed, took_gift)))
    return "vote" if found else None


merging.register(may_have_voted)
