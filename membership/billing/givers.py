"""Whose gift it is: from our id in Stripe's metadata to the account that gives."""

from uuid import UUID

from sqlalchemy.orm import Session

from membership.accounts import accounts
from membership.accounts.models import Account
from membership.billing.models import Checkout
from membership.mail import outbox


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
    if checkout.account_id is None:
        # A reader who moves takes what was typed with the old address along.
        outbox.share_addresses(session)
        session.refresh(checkout)
    if checkout.account_id is not None:
        return kept(session, checkout.account_id)
    found = accounts.ensure(session, checkout.email, checkout.language, checkout.name)
    return locked(session, found.id)


def locked(session: Session, account_id: int) -> Account:
    """The account, its row locked until this transaction ends; others may still refer to it."""
    return session.get_one(
        Account, account_id, with_for_update={"key_share": True}, populate_existing=True
    )


def kept(session: Session, account_id: int) -> Account:
    """The account that an id stands for now, locked: of two that were merged, the one kept."""
    found = locked(session, account_id)
    while found.merged_into_id is not None:
        found = locked(session, found.merged_into_id)
    return found
