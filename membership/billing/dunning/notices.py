"""What patrons are told in good time: a yearly charge, a card that ends, one invitation.

The rows themselves say who is due; the mail that was written says that it was done. So a run that
breaks off is taken up by the next, and nobody is told twice (lesson L16).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Date, Select, String, cast, exists, func, select

from membership import clock
from membership.accounts.models import Account
from membership.billing.dunning import letters
from membership.billing.letters import told
from membership.billing.models import Checkout, Donation, Subscription
from membership.db import transaction

BEFORE_RENEWAL = timedelta(days=14)
BEFORE_CHARGE_TO_EXPIRED_CARD = timedelta(days=30)
# Who gave longer ago than the second is not asked any more: the newsroom was late.
INVITED_AFTER = timedelta(days=30)
INVITED_UNTIL = timedelta(days=60)
BATCH = 500

# Accounts, with what else the letter to them is about.
Due = Select[*tuple[Any, ...]]


def notify_due() -> int:
    """Write the notices that are due; how many."""
    now = clock.now()
    return (
        _write_all(_renewals(now), letters.renewal_ahead)
        + _write_all(_expiring_cards(now), letters.card_expires)
        + _write_all(_once_givers(now), letters.invitation)
    )


def _write_all(due: Due, write: Callable[..., None]) -> int:
    """Write to one batch of accounts after the other, each in a transaction of its own."""
    written = last = 0
    while True:
        with transaction() as session:
            batch = session.execute(
                due.where(Account.id > last)
                .order_by(Account.id)
                .limit(BATCH)
                # Who is being changed at the moment is due in the next run, too.
                .with_for_update(of=Account, skip_locked=True, key_share=True)
            ).all()
            for each in batch:
                write(session, *each)
        if not batch:
            return written
        written += len(batch)
        last = batch[-1][0].id


def _renewals(now: datetime) -> Due:
    """Yearly support that is charged within two weeks."""
    subject = func.concat(
        "subscription:",
        Subscription.id,
        ":",
        func.to_char(func.timezone("UTC", Subscription.current_period_end_at), "YYYY-MM-DD"),
    )
    return _charged_within(now, BEFORE_RENEWAL).where(
        Subscription.interval == "year", ~told(letters.RENEWAL_AHEAD, subject)
    )


def _expiring_cards(now: datetime) -> Due:
    """Support whose next charge is within a month and comes after its card's last day."""
    charged_on = cast(func.timezone("UTC", Subscription.current_period_end_at), Date)
    subject = func.concat(
        "subscription:", Subscription.id, ":", cast(Subscription.card_expires_on, String)
    )
    due = _charged_within(now, BEFORE_CHARGE_TO_EXPIRED_CARD, Subscription.card_expires_on)
    return due.where(
        Subscription.card_expires_on < charged_on, ~told(letters.CARD_EXPIRES, subject)
    )


def _charged_within(now: datetime, ahead: timedelta, *more: Any) -> Due:
    """Accounts with their subscription, if all is well and it is charged before then."""
    return (
        select(Account, Subscription, *more)
        .join(Subscription, Subscription.account_id == Account.id)
        .where(
            Account.deleted_at.is_(None),
            Account.delete_after_at.is_(None),
            Subscription.state == "active",
            Subscription.current_period_end_at > now,
            Subscription.current_period_end_at <= now + ahead,
        )
    )


def _once_givers(now: datetime) -> Due:
    """Who gave once a month ago, kept it with us, and never had monthly or yearly support."""
    long_enough = (
        select(Donation.account_id)
        .join(Checkout, Checkout.id == Donation.checkout_id)
        .where(
            Checkout.purpose == "support",
            Donation.subscription_id.is_(None),
            Donation.paid_at <= now - INVITED_AFTER,
            Donation.paid_at > now - INVITED_UNTIL,
        )
    )
    gave_before = exists().where(
        Donation.account_id == Account.id, Donation.paid_at <= now - INVITED_UNTIL
    )
    took_back = exists().where(
        Donation.account_id == Account.id,
        (Donation.refunded_minor > 0) | Donation.disputed_at.is_not(None),
    )
    return select(Account).where(
        Account.id.in_(long_enough),
        Account.deleted_at.is_(None),
        Account.delete_after_at.is_(None),
        ~exists().where(Subscription.account_id == Account.id),
        ~gave_before,
        ~took_back,
        ~told(letters.INVITATION, func.concat("account:", Account.id)),
    )
