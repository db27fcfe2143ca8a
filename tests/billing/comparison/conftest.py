"""Comparing to the end, and a patron whom both sides know alike."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from membership.billing.comparison import run
from membership.billing.comparison.models import Comparison, Difference
from membership.billing.models import Subscription
from tests.billing.conftest import Stripe
from tests.billing.reading import row, rows

Give = Callable[..., str]
Compare = Callable[[], list[Difference]]


@pytest.fixture
def compare(session: Session) -> Compare:
    """Runs a comparison to its end; gives back the differences of it."""

    def act() -> list[Difference]:
        done = run.run_now()
        assert row(session, Comparison, id=done).finished_at is not None
        return rows(session, Difference, comparison_id=done)

    return act


@pytest.fixture
def patron(session: Session, stripe: Stripe, give: Give) -> str:
    """Stripe's id of a subscription that both sides know alike."""
    stripe.pay(give())
    stripe.deliver_all()
    return str(row(session, Subscription).stripe_subscription_id)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("membership.billing.gateway.lists.PAGE", 2)
