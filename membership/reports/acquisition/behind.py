"""The payments behind what was paid for by those who came, newest first (rule D4).

For those who may see names with amounts.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, select
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
        select(Account, Checkout)
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
    )
    return keyset.newest_first(session, query, (at, NUMBER), Paid, before, limit)


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
