"""Small histories of giving for the tests of figures."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.models import Donation, LedgerEntry, Subscription
from membership.billing.revenue import monthly_value
from tests import factories
from tests.factories import NOON


def moved(
    session: Session,
    subscription: Subscription,
    movement: str,
    amount: int,
    at: datetime = NOON,
    told: datetime | None = None,
) -> LedgerEntry:
    """A ledger entry as it would have been written at the time, or when it was told."""
    return factories.add(
        session,
        LedgerEntry(
            subscription_id=subscription.id,
            account_id=subscription.account_id,
            movement=movement,
            amount_minor=amount,
            currency=subscription.currency,
            occurred_at=at,
            created_at=told or at,
        ),
    )


def worth(given: Subscription) -> int:
    return monthly_value(
        given.amount_minor, given.interval, given.state, collection_paused=given.collection_paused
    )


def joins(session: Session, at: datetime = NOON, **values: Any) -> Subscription:
    """A new patron with a subscription, its ledger entry and its first donation."""
    giver = factories.account(session)
    given = factories.subscription(session, giver, started_at=at, **values)
    moved(session, given, "new", worth(given), at)
    pays(
        session,
        giver,
        at,
        subscription_id=given.id,
        amount_minor=given.amount_minor,
        currency=given.currency,
    )
    return given


def leaves(session: Session, given: Subscription, at: datetime, why: str = "voluntary") -> None:
    mrr = worth(given)
    given.state, given.end_reason, given.ended_at = "ended", why, at
    movement = "churn_voluntary" if why == "voluntary" else "churn_involuntary"
    moved(session, given, movement, -mrr, at)


def pays(session: Session, giver: Account, at: datetime = NOON, **values: Any) -> Donation:
    return factories.donation(session, giver, paid_at=at, created_at=at, **values)


DAY = timedelta(days=1)
