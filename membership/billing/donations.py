"""Donations: settled payments, each counted once (lesson L18).

Money of a subscription is counted from its invoice, a one-time gift from its payment intent.
"""

from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing import disputes, gateway, givers, letters, refunds
from membership.billing.gifts import orders
from membership.billing.models import Checkout, Donation, Subscription
from membership.billing.snapshots import InvoiceSnapshot, PaymentSnapshot
from membership.db import lock
from membership.money import Money


def follow_invoice(session: Session, invoice_id: str, subscription: Subscription) -> bool:
    """Write the donation of a paid invoice, or what has become of it since.

    The subscription must have been synced in this transaction: its locks hold others off.
    """
    said = gateway.read_invoice(invoice_id)
    if said.subscription_id != subscription.stripe_subscription_id:
        return False
    return record_invoice(session, said, subscription) is not None


def record_invoice(
    session: Session, said: InvoiceSnapshot, subscription: Subscription
) -> Donation | None:
    """The donation of an invoice; None while nothing was paid."""
    if not said.is_paid or said.paid_at is None or said.amount.minor <= 0:
        return None
    payment = _locked_payment(session, said.payment_id) if said.payment_id else None
    found = session.scalar(
        select(Donation)
        .where(Donation.stripe_invoice_id == said.id)
        .execution_options(populate_existing=True)
    )
    if found is None:
        found = Donation(
            account_id=subscription.account_id,
            subscription_id=subscription.id,
            checkout_id=subscription.checkout_id,
            stripe_invoice_id=said.id,
        )
        _settle(found, said.amount, said.paid_at, payment)
        _welcome_or_thank(session, found, subscription.interval)
    else:
        _settle(found, said.amount, said.paid_at, payment)
    session.flush()
    if payment is not None:
        _keep_what_was_taken_back(session, found, payment)
    return found


def follow_payment(session: Session, payment_id: str) -> bool:
    """Write a one-time gift, or what became of any donation's payment: refunds and disputes."""
    said = _locked_payment(session, payment_id)
    found = of_payment(session, payment_id)
    if found is not None:
        _take_over(found, said)
        _keep_what_was_taken_back(session, found, said)
        orders.follow(session, found)
        return True
    checkout = givers.known_checkout(session, said.checkout)
    # The payments of a subscription carry no metadata of ours; they come with their invoice.
    if checkout is None or checkout.interval != "once" or not said.is_paid or not said.paid_at:
        return False
    account = givers.account_of(session, checkout)
    gift = Donation(account_id=account.id, checkout_id=checkout.id)
    _settle(gift, said.amount, said.paid_at, said)
    _welcome_or_thank(session, gift, "once")
    _keep_what_was_taken_back(session, gift, said)
    orders.follow(session, gift)
    return True


def of_payment(session: Session, payment_id: str) -> Donation | None:
    """The donation that a payment intent paid, as it is committed now."""
    return session.scalar(
        select(Donation)
        .where(Donation.stripe_payment_intent_id == payment_id)
        .execution_options(populate_existing=True)
    )


def running_subscription_of(session: Session, payment_id: str) -> str | None:
    """Stripe's id of the subscription that a known donation is of, unless it has ended."""
    return session.scalar(
        select(Subscription.stripe_subscription_id)
        .join(Donation, Donation.subscription_id == Subscription.id)
        .where(
            Donation.stripe_payment_intent_id == payment_id,
            Subscription.state != "ended",
        )
    )


def refunded_minor(session: Session, subscription: Subscription) -> int:
    """How much of a subscription's donations was given back, in its currency."""
    given_back = select(func.sum(Donation.refunded_minor)).where(
        Donation.subscription_id == subscription.id
    )
    return int(session.scalar(given_back) or 0)


def _locked_payment(session: Session, payment_id: str) -> PaymentSnapshot:
    lock(session, f"payment:{payment_id}")
    return gateway.read_payment(payment_id)


def _settle(
    donation: Donation, amount: Money, paid_at: datetime, payment: PaymentSnapshot | None
) -> None:
    donation.amount_minor = amount.minor
    donation.currency = amount.currency
    donation.paid_at = paid_at
    if payment is not None:
        donation.stripe_payment_intent_id = payment.id
        _take_over(donation, payment)


def _take_over(donation: Donation, said: PaymentSnapshot) -> None:
    donation.refunded_minor = said.refunded_minor
    donation.refunded_at = said.refunded_at
    donation.disputed_at = said.disputed_at
    if said.fee is not None:
        donation.fee_minor = said.fee.minor
        donation.fee_currency = said.fee.currency


def _keep_what_was_taken_back(session: Session, donation: Donation, said: PaymentSnapshot) -> None:
    refunds.record(session, donation, said.refunds)
    disputes.record(session, donation, said.disputes)


def _welcome_or_thank(session: Session, donation: Donation, interval: str) -> None:
    """Add a new donation with its mails; one that was given back at once gets and counts none."""
    is_first = not session.scalar(
        select(
            exists().where(
                Donation.account_id == donation.account_id,
                Donation.refunded_minor < Donation.amount_minor,
            )
        )
    )
    session.add(donation)
    session.flush()
    if donation.refunded_minor >= donation.amount_minor or _is_old(session, donation):
        return
    account = session.get_one(Account, donation.account_id)
    if is_first:
        letters.welcome(session, account, interval, _purpose(session, donation))
    letters.receipt(session, account, donation, interval)


def _is_old(session: Session, donation: Donation) -> bool:
    """Paid before its subscription became ours: its giver has had a receipt."""
    if donation.checkout_id is None:
        return False
    taken_over_at = session.get_one(Checkout, donation.checkout_id).taken_over_at
    return taken_over_at is not None and donation.paid_at < taken_over_at


def _purpose(session: Session, donation: Donation) -> str:
    if donation.checkout_id is None:
        return "support"
    return session.get_one(Checkout, donation.checkout_id).purpose
