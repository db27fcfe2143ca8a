"""The payments behind what was paid for by those who came, newest first (rule D4).

For those who may see names with amounts.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, select, tuple_
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.models import Checkout, Donation, Subscription
from membership.reports import keyset
from membership.reports.acquisition.came import amounts
from membership.reports.keyset import Page
from membership.reports.periods import Period

PAGE = 50
# Numbers of two tables in one order.
NUMBER = case((Subscription.id.is_not(None), Subscription.id * 2), else_=Donation.id * 2 + 1)


@dataclass(frozen=True)
class Wanted:
    """Which of them; what is empty holds for all. A tier is that of a currency and an interval."""

    interval: str = ""
    currency: str = ""
    tier: str = ""


@dataclass(frozen=True)
class Paid:
    """What was paid for first, and whose it is by now."""

    account: Account
    checkout: Checkout


def paid(
    session: Session, days: Period, wanted: Wanted, before: str = "", *, limit: int = PAGE
) -> Page[Paid]:
    """As many as the rollups count; one query. `before` is what stood in Page.older."""
    at = Checkout.completed_at
    query = (
        select(Account, Checkout, NUMBER)
        .outerjoin_from(Checkout, Subscription, Subscription.checkout_id == Checkout.id)
        .outerjoin(
            Donation,
            (Donation.checkout_id == Checkout.id) & Donation.subscription_id.is_(None),
        )
        .join(Account, Account.id == func.coalesce(Subscription.account_id, Donation.account_id))
        .where(
            Checkout.state == "completed",
            Checkout.purpose == "support",
            Checkout.taken_over_at.is_(None),
            at >= days.since,
            at < days.until,
            *_which(wanted),
        )
        .order_by(at.desc(), NUMBER.desc())
        .limit(limit + 1)
    )
    if (place := keyset.read(before)) is not None:
        # The first of the two is what an index knows.
        query = query.where(at <= place[0], tuple_(at, NUMBER) < place)
    found = session.execute(query).all()
    rows = [Paid(account, checkout) for account, checkout, _number in found[:limit]]
    if len(found) <= limit:
        return Page(rows, "")
    _account, checkout, number = found[limit - 1]
    return Page(rows, keyset.written(checkout.completed_at, number))


def _which(wanted: Wanted) -> list[ColumnElement[bool]]:
    which = []
    if wanted.interval:
        which.append(Checkout.interval == wanted.interval)
    if wanted.currency:
        which.append(Checkout.currency == wanted.currency)
    if wanted.tier:
        least, next_one = amounts(wanted.tier, wanted.interval, wanted.currency)
        which.append(Checkout.amount_minor >= least)
        if next_one is not None:
            which.append(Checkout.amount_minor < next_one)
    return which
