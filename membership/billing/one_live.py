"""At most one live subscription a patron (rule B6): a second one is ended and given back."""

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
from membership.money import Money

log = structlog.get_logger(__name__)


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
    """Cancel a second subscription at Stripe, give its money back, and write all of it down.

    Stripe keeps the mark that we set first, so that an attempt which breaks off anywhere is taken
    up by the next. A subscription that has given before, and came back to life beside another,
    keeps what it was given before the other began.
    """
    if not said.is_second:
        gateway.mark_second(said.id)
    if subscriptions.state_of(said) != "ended":
        gateway.cancel_subscription(said.id)
    paid = gateway.paid_invoices(said.id)
    is_new = row is None or row.state == "incomplete"
    due = [each for each in paid if is_new or _came_after(each, other)]
    key = str(checkout.id) if checkout else said.id
    for invoice in due:
        _give_back(invoice, key)
    now = gateway.read_subscription(said.id)
    row = subscriptions.record(
        session, now, row, clock.now(), account_id=account.id, checkout=checkout
    )
    for invoice in due:
        donations.record_invoice(session, invoice, row)
    refunded = Money(sum(each.amount.minor for each in due), row.currency)
    letters.second_refunded(session, account, row, refunded)
    log.error("second_subscription_ended", subscription=row.id, account=account.id)
    audit.record(
        session,
        "second_subscription_ended",
        f"subscription:{row.id}",
        refunded_minor=refunded.minor,
        currency=refunded.currency,
        kept=other.id if other else None,
    )
    return row


def _came_after(invoice: InvoiceSnapshot, other: Subscription | None) -> bool:
    return other is not None and invoice.paid_at is not None and invoice.paid_at >= other.started_at


def _give_back(invoice: InvoiceSnapshot, key: str) -> None:
    """Stripe refuses to give more back than was paid, so another key is never another refund.

    The key changes by the hour, because Stripe replays a failure for the same one all day.
    """
    if invoice.payment_id is None:
        return
    payment = gateway.read_payment(invoice.payment_id)
    if payment.refunded_minor < payment.amount.minor and payment.disputed_at is None:
        hour = clock.now().strftime("%Y-%m-%dT%H")
        gateway.refund(payment.id, key, idempotency_key=f"{key}:{payment.id}:{hour}")
