"""The rows behind the overview: what moved MRR in some days, and the one-time gifts of some days.

Each list is one query a page, newest first; for those who may see names with amounts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, tuple_
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
class Gift:
    """`refunded_minor` is what went back of it, whenever it did."""

    account: Account
    at: datetime
    amount_minor: int
    refunded_minor: int


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
        select(Account, entry.occurred_at, entry.id, entry.movement, entry.amount_minor)
        # Whose it is now: an entry keeps the account of its day, which may have been merged.
        .join(Subscription, Subscription.id == entry.subscription_id)
        .join(Account, Account.id == Subscription.account_id)
        .where(entry.currency == currency)
    )
    if movement:
        query = query.where(entry.movement == movement)
    found, older = _page(session, query, (entry.occurred_at, entry.id), days, before, limit)
    return Page([Moved(account, at, *rest) for account, at, _id, *rest in found], older)


def gifts(
    session: Session, currency: str, days: Period, before: str = "", *, limit: int = PAGE
) -> Page[Gift]:
    """One-time donations paid in these days: as many as the figure says there were."""
    gift = Donation
    query = (
        select(Account, gift.paid_at, gift.id, gift.amount_minor, gift.refunded_minor)
        .join(Account, Account.id == gift.account_id)
        .where(gift.currency == currency, gift.subscription_id.is_(None))
    )
    found, older = _page(session, query, (gift.paid_at, gift.id), days, before, limit)
    return Page([Gift(account, at, *rest) for account, at, _id, *rest in found], older)


def _page(
    session: Session,
    query: Select[*tuple[Any, ...]],
    order: tuple[Any, Any],
    days: Period,
    before: str,
    limit: int,
) -> tuple[Sequence[Any], str]:
    """Rows whose second and third columns are a time and a number, in that order."""
    at, number = order
    query = query.where(at >= days.since, at < days.until)
    if (place := keyset.read(before)) is not None:
        query = query.where(tuple_(at, number) < place)
    rows = session.execute(query.order_by(at.desc(), number.desc()).limit(limit + 1)).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return rows[:limit], keyset.written(last[1], last[2]) if last else ""
