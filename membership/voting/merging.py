"""What of voting stands in the way of merging two accounts."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from membership.accounts import merging
from membership.accounts.models import Account
from membership.billing.standing import was_ever_entitled
from membership.voting.models import Round


def may_have_voted(session: Session, _kept: Account, gone: Account) -> str | None:
    """Until every round is settled, whoever could have a ballot in one is not merged.

    Whether there is a ballot is not asked: the answer would tell that somebody has voted (rules V4,
    V8), and of two ballots of one person one would have to go. Who never had anything that entitles
    could not vote (rule V3).
    """
    is_under_way = exists().where(Round.state.in_(("open", "closed")))
    found = session.scalar(select(is_under_way & was_ever_entitled(gone.id)))
    return "vote" if found else None


merging.register(may_have_voted)
