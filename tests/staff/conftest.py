"""What staff do to money is done at the Stripe stand-in; who does it."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from tests import factories
from tests.billing.conftest import give, standin, stripe
from tests.conftest import SignedIn

__all__ = ["give", "standin", "stripe"]


@pytest.fixture
def editor(session: Session) -> Account:
    return factories.staff(session, "editor", name="Hanna")


@pytest.fixture
def reporter(session: Session) -> Account:
    return factories.staff(session, "reporter", name="Daryna")


@pytest.fixture
def browser(session: Session, signed_in: SignedIn, editor: Account) -> FlaskClient:
    """The editor’s; a module about another room has its own."""
    return signed_in(session, editor)


@pytest.fixture
def finance(session: Session, signed_in: SignedIn) -> FlaskClient:
    """The browser of somebody in finance."""
    return signed_in(session, factories.staff(session, "finance"))
