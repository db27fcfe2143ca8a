"""Whose gift it is: from our id in Stripe's metadata to the account that gives."""

from uuid import UUID

from sqlalchemy.orm import Session

from membership.accounts import accounts
from membership.accounts.models import Account
from membership.billing.models import Checkout


def known_checkout(session: Session, checkout_id: str | None) -> Checkout | None:
    """Our row for the id that an object of Stripe carries; None for what is not ours (rule B5)."""
    if checkout_id is None:
        return None
    try:
        return session.get(Checkout, UUID(checkout_id), populate_existing=True)
    except ValueError:
        return None


def account_of(session: Session, checkout: Checkout) -> Account:
    """The account that gives: who was signed in, else that of the address typed; locked."""
    if checkout.account_id is not None:
        return locked(session, checkout.account_id)
    found = accounts.ensure(session, checkout.email, checkout.language, checkout.name)
    return locked(session, found.id)


def locked(session: Session, account_id: int) -> Account:
    """The account, its row locked until this transaction ends; others may still refer to it."""
    return session.get_one(
        Account, account_id, with_for_update={"key_share": True}, populate_existing=True
    )
