"""To whom mail about votes and topics goes: queries that the outbox writes letters from."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, exists, not_, select

from membership.accounts.models import Account
from membership.billing.elsewhere.support import is_unasked
from membership.voting.models import Ballot, RoundOption, TopicFollow, Turnout


def readers(who: ColumnElement[bool]) -> Select[str, str, int]:
    """Address, language and id of these accounts, but for those that are being deleted, and those
    that we know from an import alone."""
    return (
        select(Account.email, Account.language, Account.id)
        .where(who, Account.delete_after_at.is_(None), not_(is_unasked()))
        .order_by(Account.id)
    )


def has_ballot(round_id: int) -> ColumnElement[bool]:
    """SQL: the account has cast a ballot in a round that is open."""
    return exists().where(Ballot.round_id == round_id, Ballot.account_id == Account.id)


def took_part(round_id: int) -> ColumnElement[bool]:
    """SQL: the account stands on a settled round's turnout roll (rule V8)."""
    return Account.id.in_(select(Turnout.account_id).where(Turnout.round_id == round_id))


def voted_on(topic_id: int) -> ColumnElement[bool]:
    """SQL: the account stands on the turnout roll of a round in which the topic stood."""
    roll = select(Turnout.account_id).join(RoundOption, RoundOption.round_id == Turnout.round_id)
    return Account.id.in_(roll.where(RoundOption.topic_id == topic_id))


def follows(topic_ids: Iterable[int]) -> ColumnElement[bool]:
    """SQL: the account follows one of these topics, or several."""
    theirs = select(TopicFollow.account_id).where(TopicFollow.topic_id.in_(list(topic_ids)))
    return Account.id.in_(theirs)
