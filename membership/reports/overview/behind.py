"""The rows behind the overview: what moved MRR in some days, and what was paid in some days.

Each list is one query a page, newest first; for those who may see names with amounts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.models import Donation, LedgerEntry, Subscription
from membership.reports import keyset
from membership.reports.keyset import Page
from membership.reports.periods import Period

PAGE = 50


@dataclass(frozen=True)
class Moved:
    """An entry of the ledger; `amount_minor` is by how much it changed MRR."""

    account: Account
    at: datetime
    movement: str
    amount_minor: int


@dataclass(frozen=True)
class Payment:
    """`refunded_minor` is what went back of it, whenever it did.

    `fee_minor` is in the currency of the payout; both are None where no fee is known.
    """

    account: Account
    at: datetime
    amount_minor: int
    currency: str
    refunded_minor: int
    fee_minor: int | None
    fee_currency: str | None


def moved(
    session: Session,
    currency: str,
    days: Period,
    movement: str = "",
    before: str = "",
    *,
    limit: int = PAGE,
) -> Page[Moved]:
    """The ledger's entries of these days, or those of one movement: they sum to the figure."""
    entry = LedgerEntry
    query = (
        select(Account, entry.occurred_at, entry.movement, entry.amount_minor)
        # Whose it is now: an entry keeps the account of its day, which may have been merged.
        .join(Subscription, Subscription.id == entry.subscription_id)
        .join(Account, Account.id == Subscription.account_id)
        .where(entry.currency == currency)
        .where(entry.occurred_at >= days.since, entry.occurred_at < days.until)
    )
    if movement:
        query = query.where(entry.movement == movement)
    order = entry.occurred_at, entry.id
    return keyset.newest_first(session, query, order, Moved, before, limit)


def payments(
    session: Session,
    currency: str,
    days: Period,
    which: str = "payments",
    before: str = "",
    *,
    limit: int = PAGE,
) -> Page[Payment]:
    """Donations paid in these days: all "payments" in a currency, the one-time "gifts" of them, or
    those whose "fees" were taken in it."""
    paid = Donation
    query = (
        select(
            Account,
            paid.paid_at,
            paid.amount_minor,
            paid.currency,
            paid.refunded_minor,
            paid.fee_minor,
            paid.fee_currency,
        )
        .join(Account, Account.id == paid.account_id)
        .where(*_PAYMENTS[which](currency))
        .where(paid.paid_at >= days.since, paid.paid_at < days.until)
    )
    return keyset.newest_first(session, query, (paid.paid_at, paid.id), Payment, before, limit)


_PAYMENTS: Mapping[str, Callable[[str], tuple[ColumnElement[bool], ...]]] = MappingProxyType(
    {
        "payments": lambda currency: (Donation.currency == currency,),
        "gifts": lambda currency: (
            Donation.currency == currency,
            Donation.subscription_id.is_(None),
        ),
        "fees": lambda currency: (Donation.fee_currency == currency,),
    }
)
PAYMENTS = tuple(_PAYMENTS)
