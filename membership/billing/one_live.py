"""At most one live subscription a patron (rule B6): a second one is ended and given back."""

from datetime import UTC, datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.billing import donations, gateway, letters, subscriptions
from membership.billing.lifecycle import LIVE
from membership.billing.models import Checkout, Subscription
from membership.billing.snapshots import InvoiceSnapshot, SubscriptionSnapshot
from membership.db import before_commit
from membership.money import Money

log = structlog.get_logger(__name__)
EVER = datetime.fromtimestamp(0, UTC)
# Stripe's word for a payment that a bank has asked back.
DISPUTED = "charge_disputed"


def other_live(
    session: Session, account_id: int, stripe_subscription_id: str
) -> Subscription | None:
    """Another subscription of the account that is live, at Stripe too: ours may be out of date.

    The account's row must be locked.
    """
    others = session.scalars(
        select(Subscription)
        .where(
            Subscription.account_id == account_id,
            Subscription.state.in_(LIVE),
            Subscription.stripe_subscription_id != stripe_subscription_id,
        )
        .execution_options(populate_existing=True)
    ).all()
    for each in others:
        said = gateway.read_subscription(each.stripe_subscription_id)
        subscriptions.record(session, said, each, clock.now(), account_id=account_id, checkout=None)
        if each.state in LIVE:
            return each
    return None


def end_second(
    session: Session,
    account: Account,
    said: SubscriptionSnapshot,
    row: Subscription | None,
    checkout: Checkout | None,
    other: Subscription | None,
) -> Subscription:
    """Cancel a second subscription at Stripe, give its money back, write it down, tell of it.

    `other` is the one that is kept, when it was there to see. Once is told what was done once.
    Stripe keeps the mark that we set first, so that an attempt which breaks off anywhere is taken
    up by the next, and money that comes later is given back as well.
    """
    since = said.give_back_from or _give_back_from(row, other, checkout)
    if not said.is_second:
        gateway.mark_second(said.id, since)
    if subscriptions.state_of(said) != "ended":
        gateway.cancel_subscription(said.id)
    paid = gateway.paid_invoices(said.id)
    due = [each for each in paid if each.paid_at is not None and each.paid_at >= since]
    for invoice in due:
        _give_back(invoice, str(checkout.id) if checkout else said.id)
    now = gateway.read_subscription(said.id)
    was_over = row is not None and row.state == "ended"
    row = subscriptions.record(
        session, now, row, clock.now(), account_id=account.id, checkout=checkout
    )
    before = donations.refunded_minor(session, row)
    for invoice in due:
        donations.record_invoice(session, invoice, row)
    refunded = Money(donations.refunded_minor(session, row) - before, row.currency)
    if refunded.minor > 0 or not was_over:
        _tell(session, account, row, refunded, other)
    return row


def collect_elsewhere(session: Session, ended: Subscription) -> None:
    """Let Stripe go on with what the patron's other subscriptions owe.

    It stops collecting all finalized invoices "for the customer" when one of their subscriptions is
    cancelled (docs.stripe.com/billing/subscriptions/cancel). The account's row must be locked.
    """
    others = session.scalars(
        select(Subscription.stripe_subscription_id).where(
            Subscription.account_id == ended.account_id,
            Subscription.stripe_customer_id == ended.stripe_customer_id,
            Subscription.state.in_(LIVE),
        )
    )
    for each in others:
        gateway.collect_again(each)


def _tell(
    session: Session,
    account: Account,
    row: Subscription,
    refunded: Money,
    kept: Subscription | None,
) -> None:
    """The patron by mail, staff by the log and the audit log."""
    in_all = Money(donations.refunded_minor(session, row), row.currency)
    letters.second_refunded(session, account, row, refunded, in_all)
    what = "support_while_leaving_ended" if account.is_leaving else "second_subscription_ended"

    def note() -> None:
        log.error(what, subscription=row.id, account=account.id)
        audit.record(
            session,
            what,
            f"subscription:{row.id}",
            refunded_minor=refunded.minor,
            currency=refunded.currency,
            kept=kept.id if kept else None,
        )

    # Everybody needs the audit log's lock, and Stripe may be asked for more before the commit.
    before_commit(session, note)


def _give_back_from(
    row: Subscription | None, other: Subscription | None, checkout: Checkout | None
) -> datetime:
    """All of it; but one that gave before, and came back to life beside another, keeps that.

    Then it is what was paid since the other began. What was paid before it became ours is none of
    ours to give back.
    """
    has_given = row is not None and row.state != "incomplete"
    since = other.started_at if has_given and other is not None else EVER
    taken_over_at = checkout.taken_over_at if checkout is not None else None
    return max(since, taken_over_at or EVER)


def _give_back(invoice: InvoiceSnapshot, key: str) -> None:
    """Stripe refuses to give more back than was paid, so another key is never another refund.

    The key changes by the hour, because Stripe replays a failure for the same one all day.
    """
    if invoice.payment_id is None:
        return
    payment = gateway.read_payment(invoice.payment_id)
    if payment.refunded_minor < payment.amount.minor and payment.disputed_at is None:
        hour = clock.now().strftime("%Y-%m-%dT%H")
        key_now = f"{key}:{payment.id}:{hour}"
        try:
            gateway.refund(payment.id, {"checkout": key}, idempotency_key=key_now)
        except gateway.StripeRefusedError as error:
            # A bank asked it back. Though it has lost, Stripe gives nothing back any more.
            if error.code != DISPUTED:
                raise
            log.error("second_payment_disputed", payment=payment.id)
