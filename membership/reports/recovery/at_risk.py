"""Whose payment fails now or failed in some days, and what was tried (rule D3)."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.dunning.models import Dunning
from membership.billing.models import Subscription
from membership.reports import keyset
from membership.reports.keyset import Page
from membership.reports.periods import Period
from membership.reports.rollups.recovery import UNKNOWN

PAGE = 50


@dataclass(frozen=True)
class AtRisk:
    dunning: Dunning
    subscription: Subscription
    account: Account


def page(
    session: Session,
    currency: str,
    before: str = "",
    days: Period | None = None,
    code: str = "",
    means: str = "",
    *,
    limit: int = PAGE,
) -> Page[AtRisk]:
    """Payments that fail now in a currency, the newest failure first; one query.

    With `days`, all that failed in them, with `code` those that the bank refused so, with `means`
    those whose money that brought. `before` is what stood in Page.older, and is left out when it
    makes no sense.
    """
    which: list[ColumnElement[bool]] = [and_(Dunning.is_open)]
    if days is not None:
        which = [Dunning.failed_at >= days.since, Dunning.failed_at < days.until]
        if code:
            said = Dunning.decline_code
            which.append(said.is_(None) if code == UNKNOWN else said == code)
        if means:
            which.append(Dunning.recovered_by == means)
    query = (
        select(Dunning, Subscription, Account)
        .join(Subscription, Subscription.id == Dunning.subscription_id)
        .join(Account, Account.id == Subscription.account_id)
        .where(Dunning.currency == currency, *which)
    )
    order = Dunning.failed_at, Dunning.id
    return keyset.newest_first(session, query, order, AtRisk, before, limit)
