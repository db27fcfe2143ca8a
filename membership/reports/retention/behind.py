"""The people behind the figures of who stays: who began and who left in some days.

Each list is one query a page, newest first; for those who may see names with amounts.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, cast, exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from membership.accounts.models import Account
from membership.billing.models import Leaving, LedgerEntry, Subscription
from membership.reports import keyset
from membership.reports.keyset import Page
from membership.reports.periods import Period

PAGE = 50
CHURN = ("churn_voluntary", "churn_involuntary")


@dataclass(frozen=True)
class Began:
    """`began_minor` is the MRR they began with, `mrr_minor` what they give by now."""

    account: Account
    at: datetime
    began_minor: int
    mrr_minor: int


@dataclass(frozen=True)
class Left:
    """`reason` is what they said, None where they said nothing; `mrr_minor` is what was lost."""

    account: Account
    at: datetime
    end_reason: str
    reason: str | None
    mrr_minor: int


def began(
    session: Session, currency: str, days: Period, before: str = "", *, limit: int = PAGE
) -> Page[Began]:
    """Accounts whose first ledger entry in a currency is of these days, as cohorts have it."""
    entry, support = LedgerEntry, Subscription
    other, is_theirs = _of_the_same()
    earlier = exists().where(
        *is_theirs, tuple_(other.occurred_at, other.id) < tuple_(entry.occurred_at, entry.id)
    )
    whole, is_theirs = _of_the_same()
    now = select(cast(func.sum(whole.amount_minor), BigInteger)).where(*is_theirs).scalar_subquery()
    query = (
        select(Account, entry.occurred_at, entry.amount_minor, now)
        .join(support, support.id == entry.subscription_id)
        .join(Account, Account.id == support.account_id)
        .where(entry.currency == currency, ~earlier)
        .where(entry.occurred_at >= days.since, entry.occurred_at < days.until)
    )
    return keyset.newest_first(session, query, (entry.occurred_at, entry.id), Began, before, limit)


def _of_the_same() -> tuple[type[LedgerEntry], tuple[ColumnElement[bool], ...]]:
    """SQL: entries of whom an entry's subscription belongs to, in its currency.

    An entry itself keeps the account of its day, which may have been merged into another.
    """
    entry, owner = aliased(LedgerEntry), aliased(Subscription)
    return entry, (
        owner.id == entry.subscription_id,
        owner.account_id == Subscription.account_id,
        entry.currency == LedgerEntry.currency,
    )


def left(
    session: Session, currency: str, days: Period, before: str = "", *, limit: int = PAGE
) -> Page[Left]:
    """Whose support in a currency ended in these days, after it had been paid for."""
    churn, said = aliased(LedgerEntry), aliased(Leaving)
    was_paid = exists().where(churn.subscription_id == Subscription.id, churn.movement.in_(CHURN))
    query = (
        select(
            Account,
            Subscription.ended_at,
            func.coalesce(Subscription.end_reason, "voluntary"),
            select(said.reason).where(said.subscription_id == Subscription.id).scalar_subquery(),
            -_lost(),
        )
        .join(Account, Account.id == Subscription.account_id)
        .where(Subscription.state == "ended", Subscription.currency == currency, was_paid)
        .where(Subscription.ended_at >= days.since, Subscription.ended_at < days.until)
    )
    order = Subscription.ended_at, Subscription.id
    return keyset.newest_first(session, query, order, Left, before, limit)


def _lost() -> ScalarSelect[int]:
    """What the entry was about that took a subscription's MRR away last."""
    entry = aliased(LedgerEntry)
    return (
        select(entry.amount_minor)
        .where(entry.subscription_id == Subscription.id, entry.movement.in_(CHURN))
        .order_by(entry.occurred_at.desc(), entry.id.desc())
        .limit(1)
        .scalar_subquery()
    )
