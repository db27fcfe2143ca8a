"""Rows for tests. What a test does not say has one fixed, boring value."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.articles.models import Article
from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.models import Donation, Refund, Subscription
from membership.voting.models import Round, RoundOption, Topic
from membership.voting.tally import tie_seed

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


def paid_elsewhere(session: Session, account: Account, **values: Any) -> PaidElsewhere:
    """On Patreon, and for long."""
    defaults = {
        "account_id": account.id,
        "source": "patreon",
        "source_id": account.email,
        "state": "active",
        "interval": "month",
        "amount_minor": 500,
        "currency": "USD",
        "since_at": datetime(2025, 3, 1, tzinfo=UTC),
        "paid_until_at": datetime(2099, 12, 1, tzinfo=UTC),
    }
    return add(session, PaidElsewhere(**(defaults | values)))


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


def refund(
    session: Session,
    donation: Donation,
    amount_minor: int = 400,
    at: datetime = NOON,
    **values: Any,
) -> Refund:
    """Money given back, as it would have been written at the time, on the donation as well."""
    defaults = {
        "donation_id": donation.id,
        "stripe_refund_id": f"re_{next(numbers)}",
        "amount_minor": amount_minor,
        "currency": donation.currency,
        "state": "done",
        "refunded_at": at,
        "created_at": at,
        "changed_at": at,
    }
    made = add(session, Refund(**(defaults | values)))
    donation.refunded_minor += amount_minor
    donation.refunded_at = min(donation.refunded_at or at, at)
    session.flush()
    return made


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


def topic(session: Session, **values: Any) -> Topic:
    number = next(numbers)
    defaults = {
        "slug": f"topic-{number}",
        "language": "en",
        "title": f"Topic {number}",
        "why": "Because it matters here.",
    }
    return add(session, Topic(**(defaults | values)))


def round_(session: Session, topics: Sequence[Topic] = (), **values: Any) -> Round:
    """An open round, an hour old with an hour to go, over `topics` (three new ones by default)."""
    state = values.get("state", "open")
    step = "suggested" if state == "draft" else "on_ballot"
    topics = topics or [topic(session, state=step) for _ in range(3)]
    now = datetime.now(UTC)
    defaults = {
        "title": "What shall we look into next?",
        "state": "open",
        "opens_at": now - timedelta(hours=1),
        "closes_at": now + timedelta(hours=1),
        "tie_seed": "",
    }
    held = add(session, Round(**(defaults | values)))
    for each in topics:
        add(session, RoundOption(round_id=held.id, topic_id=each.id))
    held.tie_seed = values.get("tie_seed") or tie_seed(held.id, [each.id for each in topics])
    session.flush()
    return held
