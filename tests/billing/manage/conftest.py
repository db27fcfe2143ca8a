"""A patron who gives monthly, signed in, with the stand-in's clock in the test's hands."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing import sync
from membership.billing.manage.agreement import agreement_of
from membership.billing.manage.plan import Agreement
from membership.billing.models import Subscription
from tests.billing.conftest import Stripe
from tests.billing.reading import row

HOUR = 3600
FAILS_LATER = "4000000000000341"
PAYS = "4242424242424242"


@dataclass
class Patron:
    """What a test sees of one patron; `browser` is signed in."""

    session: Session
    stripe: Stripe
    browser: FlaskClient

    @property
    def row(self) -> Subscription:
        found: Subscription = row(self.session, Subscription)
        return found

    @property
    def agreement(self) -> Agreement:
        return agreement_of(self.row)

    @property
    def at_stripe(self) -> dict[str, Any]:
        (found,) = self.stripe.all("subscription")
        return found

    def now(self) -> datetime:
        with self.stripe.server.world.lock:
            return datetime.fromtimestamp(self.stripe.server.world.now(), UTC)

    def wait_until(self, at: datetime) -> None:
        """Let the stand-in's time pass, and everything be delivered that it tells."""
        self.stripe.sandbox("clock", advance=int((at - self.now()).total_seconds()))
        self.stripe.deliver_all()

    def pass_charge(self) -> None:
        """Until an hour after the period's end, when its invoice is charged."""
        end = self.agreement.charge_at(0)
        self.stripe.sandbox("clock", advance=int((end - self.now()).total_seconds()) + HOUR)
        self.stripe.deliver_all()

    def fail_next_charge(self) -> None:
        self.stripe.sandbox("cards", customer=self.row.stripe_customer_id, number=FAILS_LATER)
        self.pass_charge()

    def charged(self) -> list[tuple[datetime, int]]:
        """When and how much was really paid, oldest first; the day is that of the invoice."""
        return [
            (datetime.fromtimestamp(each["created"], UTC), each["amount_paid"])
            for each in self.stripe.all("invoice")
            if each["status"] == "paid" and each["amount_paid"]
        ]

    def sync(self) -> Subscription:
        found = sync.sync_subscription(self.session, self.row.stripe_subscription_id, clock.now())
        assert found is not None
        return found


@pytest.fixture
def patron(
    session: Session,
    stripe: Stripe,
    give: Callable[..., str],
    signed_in: Callable[[Session, Account], FlaskClient],
) -> Callable[..., Patron]:
    """Call with fields of the support form, and `at` for the stand-in's day of giving."""

    def act(at: datetime | None = None, number: str = PAYS, **form: str) -> Patron:
        found = Patron(session, stripe, stripe.receiver)
        if at is not None:
            found.wait_until(at)
        stripe.pay(give(stripe.receiver, **form), number)
        stripe.deliver_all()
        found.browser = signed_in(session, row(session, Account))
        return found

    return act
