"""Subscriptions that Stripe has, and ours for them."""

from typing import Any

from sqlalchemy.orm import Session

from membership import clock
from membership.billing import gateway
from membership.billing.models import LedgerEntry, Subscription
from membership.billing.subscriptions import columns
from sandbox.stripe.billing_cycle import add_periods
from tests import factories
from tests.billing.conftest import Stripe


def planted(stripe: Stripe, count: int, **changes: Any) -> list[str]:
    """Subscriptions at Stripe that began a minute apart, the newest first."""
    began = int(clock.now().timestamp()) - 3 * 86_400
    wanted = [
        {
            "id": f"sub_planted_{number}",
            "customer": f"cus_planted_{number}",
            "email": f"planted{number}@example.org",
            "name": None,
            "amount": 500,
            "currency": "eur",
            "interval": "month",
            "started_at": began - 60 * number,
            "current_period_end_at": add_periods(began - 60 * number, "month", 1),
            "status": "active",
            "cancel_at_period_end": False,
            "paused": False,
            "metadata": {},
            **changes,
        }
        for number in range(count)
    ]
    stripe.sandbox("plant", subscriptions=wanted)
    return [each["id"] for each in wanted]


def known(session: Session, stripe_id: str, **changes: Any) -> Subscription:
    """Our row, as it should be, for a subscription that Stripe has."""
    said = gateway.read_subscription(stripe_id)
    values = columns(said) | {"stripe_subscription_id": stripe_id, "started_at": said.started_at}
    made = factories.subscription(session, factories.account(session), **(values | changes))
    session.add(
        LedgerEntry(
            subscription_id=made.id,
            account_id=made.account_id,
            movement="new",
            amount_minor=500,
            currency="EUR",
            occurred_at=made.started_at,
        )
    )
    session.flush()
    return made
