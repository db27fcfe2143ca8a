"""The rows behind the overview: what moved MRR in some days, and what was paid and went back.

Each list is one query a page, newest first; for those who may see names with amounts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Select, Text, cast, func, literal, null, select, union_all
from sqlalchemy.orm import Session, aliased

from membership.accounts.models import Account
from membership.billing.models import Donation, LedgerEntry, Refund, Subscription
from membership.billing.refunds import COUNTED
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
    """What was "paid", or (negative) "refunded" or "disputed".

    `fee_minor` is in the currency of the payout; both are None where no fee is known.
    """

    account: Account
    at: datetime
    kind: str
    amount_minor: int
    currency: str
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
    """What came and what went back in these days, each on its own: they sum to the figure.

    All "payments" in a currency, the one-time "gifts" of them, or the payments of which "fees" were
    taken in it.
    """
    flows = []
    for flow in _flows(currency, which):
        at, number, *_rest = flow.selected_columns
        mine = flow.where(at >= days.since, at < days.until)
        # Each by itself first: no index has all of them in one order.
        flows.append(select(keyset.reach(mine, (at, number), before, limit).subquery()))
    all_flows = union_all(*flows).subquery()
    at, number, account_id, *columns = all_flows.c
    query = select(Account, at, *columns).join(Account, Account.id == account_id)
    return keyset.newest_first(session, query, (at, number), Payment, before, limit)


PAYMENTS = ("payments", "gifts", "fees")


def _flows(currency: str, which: str) -> Iterator[Select[*tuple[Any, ...]]]:
    """SQL: as the rollup of daily figures has them; numbers that never meet."""
    paid = _flow("paid", Donation.paid_at, Donation.id * 2, Donation.amount_minor)
    if which == "fees":
        yield paid.where(Donation.fee_currency == currency)
        return
    drawn = func.hashtextextended(cast(Refund.id, Text), 0).bitwise_and(keyset.LAST)
    refunded = (
        _flow("refunded", Refund.refunded_at, drawn, -Refund.amount_minor)
        .join(Refund, Refund.donation_id == Donation.id)
        .where(Refund.state.in_(COUNTED))
    )
    lost = Donation.refunded_minor - Donation.amount_minor
    disputed = _flow("disputed", Donation.disputed_at, Donation.id * 2 + 1, lost)
    # Looked up one by one: PostgreSQL would join all one-time donations for some refunds.
    given = aliased(Donation)
    support = select(given.subscription_id).where(given.id == Refund.donation_id).scalar_subquery()
    for flow, its_currency, its_support in (
        (paid, Donation.currency, Donation.subscription_id),
        (refunded, Refund.currency, support),
        (disputed, Donation.currency, Donation.subscription_id),
    ):
        mine = flow.where(its_currency == currency)
        yield mine.where(its_support.is_(None)) if which == "gifts" else mine


def _flow(kind: str, at: Any, number: Any, amount: Any) -> Select[*tuple[Any, ...]]:
    fee = (Donation.fee_minor, Donation.fee_currency)
    no_fee = (cast(null(), BigInteger), cast(null(), Text))
    fee_minor, fee_currency = fee if kind == "paid" else no_fee
    return select(
        at.label("at"),
        number.label("number"),
        Donation.account_id,
        literal(kind).label("kind"),
        amount.label("amount_minor"),
        Donation.currency,
        fee_minor.label("fee_minor"),
        fee_currency.label("fee_currency"),
    ).select_from(Donation)
