"""A patron who may leave, and looking at what is left."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing import leaving
from tests.billing.conftest import Stripe
from tests.billing.reading import row, rows
from tests.conftest import SignedIn

Give = Callable[..., str]
ADDRESS, NAME = "reader@example.org", "Olena Koval"
DELETE, PRIVACY = "/account/privacy/delete", "/account/privacy"
# More than any one attempt asks.
AWAY = {"api_errors": [429] * 40}


@pytest.fixture
def browser(session: Session, stripe: Stripe, give: Give, signed_in: SignedIn) -> FlaskClient:
    """A patron who gives monthly, signed in."""
    stripe.pay(give(name=NAME, message="Thank you for the story about the river"))
    stripe.deliver_all()
    return signed_in(session, row(session, Account))


def at_stripe(stripe: Stripe) -> list[str]:
    return [each["status"] for each in stripe.all("subscription")]


def account(session: Session) -> Account:
    found: Account = row(session, Account)
    return found


def a_week_later() -> Any:
    return clock.fixed(clock.now() + leaving.WEEK + timedelta(minutes=1))


def actions(session: Session) -> list[str]:
    return [each.action for each in rows(session, AuditEntry)]
