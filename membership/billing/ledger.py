"""The MRR ledger: what must be added so that a subscription's entries sum to its MRR."""

from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from membership.billing.models import LedgerEntry, Subscription
from membership.billing.revenue import monthly_value, movement


def append(session: Session, subscription: Subscription, at: datetime) -> LedgerEntry | None:
    """Append the difference between the ledger's sum for `subscription` and its MRR now.

    Nothing when they agree, so that calling it again changes nothing. The account's row must be
    locked: two callers at once would both see the same difference.
    """
    session.flush()
    previous = session.scalar(
        select(func.coalesce(func.sum(LedgerEntry.amount_minor), 0)).where(
            LedgerEntry.subscription_id == subscription.id
        )
    )
    mrr = monthly_value(
        subscription.amount_minor,
        subscription.interval,
        subscription.state,
        collection_paused=subscription.collection_paused,
    )
    # By way of their subscriptions: an entry keeps the account of its day, which another may have
    # been merged into since.
    had_before = session.scalar(
        select(
            exists().where(
                LedgerEntry.subscription_id == Subscription.id,
                Subscription.account_id == subscription.account_id,
            )
        )
    )
    name = movement(int(previous or 0), mrr, subscription.end_reason, bool(had_before))
    if name is None:
        return None
    entry = LedgerEntry(
        subscription_id=subscription.id,
        account_id=subscription.account_id,
        movement=name,
        amount_minor=mrr - int(previous or 0),
        currency=subscription.currency,
        occurred_at=at,
    )
    session.add(entry)
    return entry
