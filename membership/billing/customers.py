"""When an account has another mail address: ours beside it follow at once, Stripe's customer soon.

A row per customer is due until Stripe has heard; so nothing is half done while Stripe is away.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import accounts, belongings
from membership.accounts.models import Account
from membership.background import wake
from membership.billing import gateway
from membership.billing.models import Checkout, CustomerAddress, Subscription
from membership.db import lock, transaction

log = structlog.get_logger(__name__)
BATCH = 100
# Doubling from a minute.
LONGEST_WAIT = timedelta(hours=6)


def of_account(session: Session, account_id: int) -> list[str]:
    """Stripe's ids of the customers that an account is there."""
    return list(
        session.scalars(
            select(Subscription.stripe_customer_id)
            .where(Subscription.account_id == account_id)
            .distinct()
        )
    )


def tell_due() -> None:
    """Tell Stripe the addresses it does not know yet; one that fails never holds up the rest."""
    with transaction() as session:
        due = session.scalars(
            select(CustomerAddress.stripe_customer_id)
            .where(CustomerAddress.next_attempt_at <= clock.now())
            .order_by(CustomerAddress.next_attempt_at)
            .limit(BATCH)
        ).all()
    for customer_id in due:
        try:
            tell(customer_id)
        except gateway.StripeAwayError as error:
            log.warning("addresses_wait_for_stripe", reason=str(error))
            return
        # Whatever is wrong with one must not stop the others (lesson L7).
        except Exception as error:
            log.error("address_not_told", customer=customer_id, exc_info=error)
            _try_later(customer_id)


def tell(customer_id: str) -> None:
    """Tell Stripe the address of a customer's account. Raises the gateway's errors."""
    with transaction() as session:
        # Two workers must not tell two addresses the wrong way round.
        lock(session, f"customer-address:{customer_id}")
        found = session.execute(
            select(CustomerAddress.changed_at, Account.email, Account.deleted_at)
            .join(Account, Account.id == CustomerAddress.account_id)
            .where(CustomerAddress.stripe_customer_id == customer_id)
        ).one_or_none()
        if found is None:
            return
        if found.deleted_at is None:
            gateway.set_customer_email(customer_id, found.email)
        _told(session, customer_id, found.changed_at)


def _told(session: Session, customer_id: str, changed_at: datetime) -> None:
    """Unless the address has changed again in the meantime."""
    session.execute(
        delete(CustomerAddress).where(
            CustomerAddress.stripe_customer_id == customer_id,
            CustomerAddress.changed_at == changed_at,
        )
    )


def _try_later(customer_id: str) -> None:
    with transaction() as session:
        row = session.get(CustomerAddress, customer_id, with_for_update=True)
        if row is not None:
            wait = timedelta(minutes=2 ** min(row.attempts, 10))
            row.attempts += 1
            row.next_attempt_at = clock.now() + min(wait, LONGEST_WAIT)


def _move(session: Session, old: str, new: str) -> None:
    """Attempts to give follow their giver, and Stripe is to hear of the new address."""
    account = accounts.find(session, new)
    if account is None:
        return
    session.execute(
        update(Checkout)
        .where(
            Checkout.email == old,
            or_(Checkout.account_id == account.id, Checkout.account_id.is_(None)),
        )
        .values(email=new)
    )
    now = clock.now()
    due = {"account_id": account.id, "changed_at": now, "attempts": 0, "next_attempt_at": now}
    for customer_id in of_account(session, account.id):
        session.execute(
            insert(CustomerAddress)
            .values(stripe_customer_id=customer_id, **due)
            .on_conflict_do_update(index_elements=["stripe_customer_id"], set_=due)
        )
    wake(session, "billing.tell_addresses")


def _forget(session: Session, old: str) -> None:
    """Nothing is told of an account that goes: Stripe's customer goes with it."""
    session.execute(
        delete(CustomerAddress).where(
            CustomerAddress.account_id.in_(select(Account.id).where(Account.email == old))
        )
    )


belongings.register(belongings.Belonging(move=_move, forget=_forget))
