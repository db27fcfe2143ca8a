"""Who may take part (rule V3): in voting, in suggesting topics and in supporting them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from membership.billing.standing import has_standing, is_paid_for


class NotEligibleError(Exception):
    """Taking part asks for monthly or yearly support that has begun."""


def may_take_part(
    account_id: Any, at: datetime | None = None, opened_at: Any = None
) -> ColumnElement[bool]:
    """SQL: the account (an id or a column) was paid for and is still a patron (or was then).

    By a subscription of its own or by a gift: who gave the money does not matter, only that it is
    there. Whoever joins today votes today; how much is given never matters. That money is paid
    elsewhere we only read in a file: in a round that opened at `opened_at` (a time or a column) it
    counts if we were told before, so that no file makes voters for a vote that is under way.
    """
    gives = has_standing(account_id, at, opened_at)
    return and_(gives, is_paid_for(account_id, at, opened_at))


def is_eligible(session: Session, account_id: int, opened_at: datetime | None = None) -> bool:
    return bool(session.scalar(select(may_take_part(account_id, opened_at=opened_at))))


def insist_on_eligible(session: Session, account_id: int) -> None:
    """Raises NotEligibleError unless the account may take part."""
    if not is_eligible(session, account_id):
        raise NotEligibleError
