"""Deleting one's account (rule S11): what charges ends first and at once (lesson L24).

The person has a week to take it back; that brings the account back, not the support, which was
ended when they asked. After the week the Stripe customer is deleted and the account is made
nobody's, in this order and not before Stripe has confirmed that nothing runs. When Stripe is away,
all of it stays due.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.background import wake
from membership.billing import customers, forgetting, gateway, givers, letters, subscriptions, sync
from membership.billing.models import Checkout, Subscription
from membership.db import lock, transaction
from membership.mail import kinds, outbox
from membership.web.languages import address

log = structlog.get_logger(__name__)

WEEK = timedelta(days=7)
# Stripe keeps a payment page open for a day.
PAGES_LIVE = timedelta(days=1)

DELETION_ASKED = kinds.transactional("deletion_asked", letters.in_words)


class StaffCannotLeaveError(RuntimeError):
    """An account with a role is not deleted: an admin must take the role away first."""


def ask(account_id: int) -> datetime:
    """Note that an account is to be deleted, and tell its owner; gives the day.

    Letters to many that wait for it do not leave any more. Asked again, nothing changes. What still
    charges is ended by end_support(), which a worker calls too. Raises StaffCannotLeaveError.
    """
    with transaction() as session:
        account = givers.locked(session, account_id)
        if account.is_staff:
            raise StaffCannotLeaveError(f"account {account_id} is {account.role}")
        if account.delete_after_at is None:
            account.delete_after_at = clock.now() + WEEK
            outbox.withdraw_bulk(session, account.id)
            _tell(session, account, account.delete_after_at)
            # Last: everybody needs the audit log's lock.
            _note(session, "account.deletion_asked", account, actor_id=account.id)
        wake(session, "billing.delete_due")
        return account.delete_after_at


def take_back(account_id: int) -> bool:
    """Keep the account after all; False when nothing was asked, or the week is over."""
    with transaction() as session:
        account = givers.locked(session, account_id)
        if account.delete_after_at is None or account.delete_after_at <= clock.now():
            return False
        account.delete_after_at = None
        _note(session, "account.deletion_taken_back", account, actor_id=account.id)
        return True


def end_support(account_id: int) -> None:
    """End at Stripe, now, whatever of an account could still charge; may be repeated.

    Each in transactions of its own. Raises the gateway's errors; what is left then is left due.
    """
    for page in _open_pages(account_id):
        _close_page(page)
    for subscription_id in running(account_id):
        with transaction() as session:
            lock(session, f"subscription:{subscription_id}")
            said = gateway.read_subscription(subscription_id)
            if subscriptions.state_of(said) != "ended":
                gateway.cancel_subscription(subscription_id)
            # Reads again: our row ends only because Stripe says so.
            sync.sync_subscription(session, subscription_id, clock.now())


def delete_due() -> int:
    """End the support of everyone who asked, and delete those whose week is over; how many were.

    One that fails stays due and never holds up the rest (lesson L7).
    """
    deleted = 0
    for account_id in _leaving():
        try:
            end_support(account_id)
            deleted += _delete(account_id)
        except gateway.StripeAwayError as error:
            log.warning("stripe_away_while_leaving", account=account_id, reason=str(error))
            break
        # Whatever is wrong with one account must not stop the others.
        except Exception as error:
            log.error("account_not_deleted", account=account_id, exc_info=error)
    return deleted


def running(account_id: int) -> list[str]:
    """Stripe's ids of an account's subscriptions that have not ended."""
    with transaction() as session:
        return list(session.scalars(_running(account_id)))


def _delete(account_id: int) -> bool:
    """Delete what is due; False when it is not, or when something runs again."""
    with transaction() as session:
        if not _can_go(session, session.get_one(Account, account_id)):
            return False
        known = customers.of_account(session, account_id)
    for each in known:
        gateway.delete_customer(each)
    with transaction() as session:
        outbox.hold_addresses(session)
        # Wholly, for its address goes: whoever works out who is a patron holds it before the rest.
        account = session.get_one(Account, account_id, with_for_update=True, populate_existing=True)
        if not _can_go(session, account):
            return False
        forgetting.forget(session, account)
        log.info("account_deleted", account=account_id)
        _note(session, "account.deleted", account)
    return True


def _can_go(session: Session, account: Account) -> bool:
    """The week is over, and nothing that charges runs."""
    return (
        account.deleted_at is None
        and account.delete_after_at is not None
        and account.delete_after_at <= clock.now()
        and session.scalars(_running(account.id)).first() is None
    )


def _leaving() -> list[int]:
    with transaction() as session:
        asked = select(Account.id).where(
            Account.delete_after_at.is_not(None), Account.deleted_at.is_(None)
        )
        return list(session.scalars(asked.order_by(Account.delete_after_at, Account.id)))


def _running(account_id: int) -> Select[str]:
    return (
        select(Subscription.stripe_subscription_id)
        .where(Subscription.account_id == account_id, Subscription.state != "ended")
        .order_by(Subscription.id)
    )


def _open_pages(account_id: int) -> list[str]:
    """Payment pages on which somebody could still begin to give for this account."""
    with transaction() as session:
        account = session.get_one(Account, account_id)
        return list(
            session.scalars(
                select(Checkout.stripe_session_id).where(
                    (Checkout.account_id == account_id)
                    | (Checkout.account_id.is_(None) & (Checkout.email == account.email)),
                    Checkout.state == "open",
                    Checkout.created_at > clock.now() - PAGES_LIVE,
                    Checkout.stripe_session_id.is_not(None),
                )
            )
        )


def _close_page(checkout_session_id: str) -> None:
    try:
        gateway.expire_checkout_session(checkout_session_id)
    except gateway.StripeRefusedError as error:
        # Paid or over in the meantime; its own event tells.
        log.info("page_not_closed", reason=str(error))


def _tell(session: Session, account: Account, delete_after_at: datetime) -> None:
    context = {
        "until_at": delete_after_at.isoformat(),
        "gave": session.scalars(_running(account.id)).first() is not None,
        "privacy_url": address("privacy.privacy", account.language),
    }
    subject = f"account:{account.id}:{delete_after_at.isoformat()}"
    letters.put(session, account, DELETION_ASKED, subject, context)


def _note(session: Session, action: str, account: Account, actor_id: int | None = None) -> None:
    """By number alone: the audit log outlives the address."""
    audit.record(session, action, f"account:{account.id}", actor_id=actor_id)
