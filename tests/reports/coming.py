"""Readers who come from stories, for the tests of figures."""

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy.orm import Session

from membership.articles.models import ReadingCount
from membership.billing.models import Checkout, Subscription
from tests import factories
from tests.factories import NOON
from tests.reports.giving import joins


def checkout(
    session: Session, at: datetime = NOON, *, paid: bool = True, **values: Any
) -> Checkout:
    """A payment page, and whether it was paid."""
    number = next(factories.numbers)
    defaults = {
        "id": uuid5(NAMESPACE_OID, str(number)),
        "email": f"giver{number}@example.org",
        "language": "en",
        "interval": "month",
        "amount_minor": 400,
        "currency": "EUR",
        "state": "completed" if paid else "open",
        "created_at": at,
        "completed_at": at if paid else None,
        "told_at": at if paid else None,
    }
    return factories.add(session, Checkout(**(defaults | values)))


def comes(session: Session, at: datetime = NOON, **values: Any) -> Subscription:
    """A new patron by a checkout, which has what `values` say."""
    page = checkout(session, at, **values)
    return joins(
        session,
        at,
        checkout_id=page.id,
        interval=page.interval,
        amount_minor=page.amount_minor,
        currency=page.currency,
    )


def seen(session: Session, step: str, number: int, article_id: int = 0, variant_id: int = 0,
         at: datetime = NOON) -> None:  # fmt: skip
    """Spread over two rows, as they are."""
    for slot, part in enumerate((number // 2, number - number // 2)):
        factories.add(
            session,
            ReadingCount(
                day=at.date(),
                article_id=article_id,
                variant_id=variant_id,
                step=step,
                slot=slot,
                number=part,
            ),
        )
