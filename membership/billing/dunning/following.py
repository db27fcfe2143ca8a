"""From what Stripe says of an unpaid invoice to its row: failing, recovered, or given up.

Called within sync_subscription(), whose locks hold others off. Invoices are read again here, so
that any order of events, and events that never came, end in the same rows (lesson L4).
"""

from datetime import datetime

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.background import wake
from membership.billing import gateway
from membership.billing.dunning import letters, rules
from membership.billing.dunning.models import Dunning
from membership.billing.models import Checkout, Subscription
from membership.billing.snapshots import InvoiceSnapshot, SubscriptionSnapshot

# Stripe's page of such an invoice takes money, though the subscription is over.
VOIDABLE = frozenset({"open", "uncollectible"})
log = structlog.get_logger(__name__)


def follow(
    session: Session,
    said: SubscriptionSnapshot,
    subscription: Subscription,
    invoice_id: str | None = None,
) -> None:
    """Bring the rows of a subscription's failed payments to what Stripe says now.

    `said` and `subscription` are what Stripe said and the row that was made of it, `invoice_id` an
    invoice that Stripe told of. A card that is new since the failure is charged here, once.
    """
    known = {each.stripe_invoice_id: each for each in _all_of(session, subscription)}
    asked = {each.stripe_invoice_id for each in known.values() if each.is_open}
    if subscription.state == "past_due" or _is_ended_unpaid(subscription):
        told = {invoice_id, said.latest_invoice_id}
        asked |= {each for each in told if each is not None and each not in known}
    for each in sorted(asked):
        _follow_invoice(session, said, subscription, each, known.get(each))


def open_of(session: Session, subscription_id: int) -> Dunning | None:
    """The oldest failed payment of a subscription that is neither recovered nor given up."""
    return session.scalar(
        select(Dunning)
        .where(Dunning.subscription_id == subscription_id, Dunning.is_open)
        .order_by(Dunning.failed_at, Dunning.id)
        .limit(1)
    )


def note_own_act(session: Session, subscription_id: int) -> None:
    """The patron came by themselves to mend the card."""
    session.execute(
        update(Dunning)
        .where(Dunning.subscription_id == subscription_id, Dunning.is_open)
        .values(own_act_at=clock.now())
    )


def _all_of(session: Session, subscription: Subscription) -> list[Dunning]:
    found = session.scalars(
        select(Dunning)
        .where(Dunning.subscription_id == subscription.id)
        .execution_options(populate_existing=True)
    )
    return list(found)


def _is_ended_unpaid(subscription: Subscription) -> bool:
    return subscription.state == "ended" and subscription.end_reason == "payment_failed"


def _follow_invoice(
    session: Session,
    said: SubscriptionSnapshot,
    subscription: Subscription,
    invoice_id: str,
    row: Dunning | None,
) -> None:
    invoice = gateway.read_invoice(invoice_id)
    # The reader of a first payment is on the payment page and sees there that it failed.
    if invoice.subscription_id != said.id or invoice.billing_reason == "subscription_create":
        return
    if row is None:
        if invoice.status != "open" or not invoice.attempts or invoice.asked_at is None:
            return
        row = _begun(session, subscription, invoice, invoice.asked_at)
    invoice = _charged_to_new_card(said, subscription, invoice, row)
    if invoice.is_paid:
        _recovered(session, subscription, invoice, row)
    else:
        _still_failing(session, said, subscription, invoice, row)


def _begun(
    session: Session, subscription: Subscription, invoice: InvoiceSnapshot, failed_at: datetime
) -> Dunning:
    """A row for an invoice that failed at `failed_at`, when its money was asked for first."""
    row = Dunning(
        subscription_id=subscription.id,
        stripe_invoice_id=invoice.id,
        amount_minor=invoice.amount_due.minor,
        currency=invoice.amount_due.currency,
        stripe_payment_method_id=_failed_with(invoice),
        failed_at=failed_at,
        letters=0,
        # At once, though Stripe's clock may be ahead of ours.
        next_letter_at=None
        if _is_old(session, subscription, failed_at)
        else min(clock.now(), failed_at),
    )
    _take_over(row, invoice)
    session.add(row)
    session.flush()
    log.info("payment_failed", dunning=row.id, kind=row.kind, decline_code=row.decline_code)
    wake(session, "billing.remind")
    return row


def _is_old(session: Session, subscription: Subscription, failed_at: datetime) -> bool:
    """It failed before the subscription became ours: who it was with then has written of it."""
    if subscription.checkout_id is None:
        return False
    taken_over_at = session.get_one(Checkout, subscription.checkout_id).taken_over_at
    return taken_over_at is not None and failed_at < taken_over_at


def _take_over(row: Dunning, invoice: InvoiceSnapshot) -> None:
    row.attempts = invoice.attempts
    row.next_attempt_at = invoice.next_attempt_at
    row.action_url = invoice.page_url
    if invoice.failure is not None:
        row.decline_code = invoice.failure.decline_code
    needs_action = invoice.failure is not None and invoice.failure.needs_action
    row.kind = rules.kind(row.decline_code, needs_action)


def _failed_with(invoice: InvoiceSnapshot) -> str | None:
    return invoice.failure.payment_method_id if invoice.failure else None


def _charged_to_new_card(
    said: SubscriptionSnapshot, subscription: Subscription, invoice: InvoiceSnapshot, row: Dunning
) -> InvoiceSnapshot:
    """The invoice, after it was charged to a card that is new since the failure.

    Stripe itself would wait for its next retry. At most once a card: it is the row's afterwards,
    and if that is not kept, Stripe tells that it was tried. Stripe never charges a paid invoice;
    the key changes by the hour, because Stripe replays a failure for the same one all day.
    """
    card = said.card.payment_method_id if said.card else None
    if (
        card is None
        or subscription.state != "past_due"
        or invoice.status != "open"
        or card in (row.stripe_payment_method_id, _failed_with(invoice))
    ):
        return invoice
    hour = clock.now().strftime("%Y-%m-%dT%H")
    try:
        gateway.pay_invoice(invoice.id, card, idempotency_key=f"{invoice.id}:{card}:{hour}")
    except gateway.StripeRefusedError as error:
        log.info("new_card_failed", dunning=row.id, reason=error.code)
    return gateway.read_invoice(invoice.id)


def _recovered(
    session: Session, subscription: Subscription, invoice: InvoiceSnapshot, row: Dunning
) -> None:
    row.recovered_at = invoice.paid_at or clock.now()
    row.recovered_by = rules.recovered_by(
        row.stripe_payment_method_id, invoice.paid_with, row.link_used_at, row.own_act_at
    )
    row.attempts = invoice.attempts
    row.next_attempt_at = row.next_letter_at = None
    log.info("payment_recovered", dunning=row.id, by=row.recovered_by)
    # Who has read of no failure is not thanked for its end.
    if letters.withdraw(session, subscription, row) < row.letters:
        letters.recovered(session, subscription, row)


def _still_failing(
    session: Session,
    said: SubscriptionSnapshot,
    subscription: Subscription,
    invoice: InvoiceSnapshot,
    row: Dunning,
) -> None:
    _take_over(row, invoice)
    if said.card is not None:
        row.stripe_payment_method_id = said.card.payment_method_id
    if subscription.state != "ended" and invoice.status == "open":
        return
    if invoice.status in VOIDABLE and subscription.state == "ended":
        gateway.void_invoice(invoice.id)
    row.given_up_at = subscription.ended_at or clock.now()
    row.next_attempt_at = row.next_letter_at = None
    log.info("payment_given_up", dunning=row.id, attempts=row.attempts)
    letters.withdraw(session, subscription, row)
    if _is_ended_unpaid(subscription):
        letters.ended_unpaid(session, subscription, row)
