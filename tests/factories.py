"""Rows for tests. What a test does not say has one fixed, boring value."""

import itertools
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.articles.models import Article
from membership.billing.models import Donation, Subscription

# Distinguishes rows whose columns must be unique; begins anew with every test.
numbers = itertools.count(1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def add(session: Session, row: Any) -> Any:
    session.add(row)
    session.flush()
    return row


def account(session: Session, **values: Any) -> Account:
    number = next(numbers)
    defaults = {"email": f"reader{number}@example.org", "language": "en", "verified_at": NOON}
    return add(session, Account(**(defaults | values)))


def staff(session: Session, role: str = "editor", **values: Any) -> Account:
    return account(session, role=role, **values)


def subscription(session: Session, account: Account, **values: Any) -> Subscription:
    number = next(numbers)
    defaults = {
        "account_id": account.id,
        "stripe_subscription_id": f"sub_{number}",
        "stripe_customer_id": f"cus_{number}",
        "state": "active",
        "interval": "month",
        "amount_minor": 400,
        "currency": "EUR",
        "started_at": NOON,
        "current_period_end_at": datetime(2026, 4, 2, 12, tzinfo=UTC),
    }
    return add(session, Subscription(**(defaults | values)))


def donation(session: Session, account: Account, **values: Any) -> Donation:
    number = next(numbers)
    defaults = {
        "account_id": account.id,
        "stripe_payment_intent_id": f"pi_{number}",
        "amount_minor": 400,
        "currency": "EUR",
        "paid_at": NOON,
    }
    return add(session, Donation(**(defaults | values)))


def patron(session: Session, **values: Any) -> Account:
    """An account with an active monthly subscription and its first settled donation."""
    giver = account(session, **values)
    given = subscription(session, giver)
    donation(session, giver, subscription_id=given.id, stripe_invoice_id=f"in_{given.id}")
    return giver


def article(session: Session, **values: Any) -> Article:
    number = next(numbers)
    defaults = {
        "source": "test",
        "source_id": str(number),
        "slug": f"story-{number}",
        "language": "en",
        "title": f"Story {number}",
        "standfirst": "What happened, in one sentence.",
        "body_html": "<p>It happened.</p>",
        "published_at": NOON,
    }
    return add(session, Article(**(defaults | values)))
