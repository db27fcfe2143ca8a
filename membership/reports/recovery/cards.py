"""Cards that expire soon, and whose they are (rule D3)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.lifecycle import LIVE
from membership.billing.models import Subscription
from membership.reports import keyset
from membership.reports.keyset import Page

PAGE = 50
# Cards that are over within so many days.
SOON = (30, 60, 90)


@dataclass(frozen=True)
class Expiring:
    account: Account
    subscription: Subscription
    last_day: date


def expiring(currency: str, today: date, days: int) -> tuple[ColumnElement[bool], ...]:
    """SQL: live support whose card is over within so many days, the last of them included."""
    return (
        Subscription.currency == currency,
        Subscription.state.in_(sorted(LIVE)),
        Subscription.card_expires_on >= today,
        Subscription.card_expires_on <= today + timedelta(days=days),
    )


def page(
    session: Session,
    currency: str,
    today: date,
    days: int,
    after: str = "",
    *,
    limit: int = PAGE,
) -> Page[Expiring]:
    """The first to expire first; one query. `after` is what stood in `older` of the page before."""
    place = (Subscription.card_expires_on, Subscription.id)
    query = (
        select(Account, Subscription)
        .join(Subscription, Subscription.account_id == Account.id)
        .where(*expiring(currency, today, days))
        .order_by(*place)
        .limit(limit + 1)
    )
    if (last := keyset.read(after)) is not None:
        query = query.where(tuple_(*place) > (last[0].date(), last[1]))
    rows = session.execute(query).all()
    found = [
        Expiring(account, support, support.card_expires_on)
        for account, support in rows[:limit]
        if support.card_expires_on is not None
    ]
    if len(rows) <= limit:
        return Page(found, "")
    ends = datetime.combine(found[-1].last_day, time(), UTC)
    return Page(found, keyset.written(ends, found[-1].subscription.id))
