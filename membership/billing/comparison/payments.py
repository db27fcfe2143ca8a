"""Comparing recent payments: donations counted from invoices, and what became of each payment.

Only from Stripe to us: what we counted long ago need not be in its lists any more.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership import clock
from membership.billing import disputes, donations, gateway, givers, sync
from membership.billing import subscriptions as recording
from membership.billing.comparison.steps import (
    NOTHING,
    Fields,
    Place,
    Seen,
    Step,
    Suspect,
    differing,
)
from membership.billing.comparison.subscriptions import known_checkouts
from membership.billing.dunning.models import Dunning
from membership.billing.models import Dispute, Donation, Refund, Subscription
from membership.billing.refunds import COUNTED
from membership.billing.snapshots import InvoiceSnapshot, PaymentSnapshot
from membership.db import lock, transaction

PAGE = 100
# More than a month, so that each monthly gift is compared at least once.
RECENT = timedelta(days=35)
# A payment may be disputed for so long.
DISPUTABLE = timedelta(days=120)


def walk_invoices(started_at: datetime, place: Place) -> Step:
    """The next page of recent invoices: a paid one is a donation, of a failed one we remind."""
    page = gateway.recent_invoices(started_at - RECENT, place.after)
    with transaction() as session:
        ours = _donations(session, Donation.stripe_invoice_id, page)
        failed = _failed(session, page)
        new = [each.said for each in page.entries if each.said and each.id not in ours]
        states = _states(session, new)
        known = known_checkouts(session, (each.checkout for each in new)) | states.keys()

    def is_suspect(each: gateway.Listed[InvoiceSnapshot]) -> bool:
        row, said = ours.get(each.id), each.said
        if said is None:
            return row is not None
        if _reminding(failed.get(each.id), said, states.get(said.subscription_id or "")):
            return True
        if row is not None:
            return bool(differing(row, _invoice(said)))
        return _counts(said) and not known.isdisjoint({said.subscription_id, said.checkout})

    suspects = [Suspect("invoice", each.id) for each in page.entries if is_suspect(each)]
    return _step(page, suspects)


def walk_payments(started_at: datetime, place: Place) -> Step:
    """The next page of recent payments: fees, refunds, and one-time gifts that we miss."""
    page = gateway.recent_payments(started_at - RECENT, place.after)
    with transaction() as session:
        ours = _donations(session, Donation.stripe_payment_intent_id, page)
        new = [each.said for each in page.entries if each.said and each.id not in ours]
        known = known_checkouts(session, (each.checkout for each in new if each.is_paid))
    suspects = [
        each.id
        for each in page.entries
        if (
            each.said is None or differing(ours[each.id], _taken_back(each.said))
            if each.id in ours
            else each.said and each.said.is_paid and each.said.checkout in known
        )
    ]
    return _step(page, [Suspect("payment", each) for each in suspects])


def walk_disputes(started_at: datetime, place: Place) -> Step:
    """The next page of recent disputes; there are so few that each is looked at closely."""
    page = gateway.payments_of_disputes(started_at - DISPUTABLE, place.after)
    return _step(page, [Suspect("payment", each.said) for each in page.entries if each.said])


def walk_refunds(started_at: datetime, place: Place) -> Step:
    """The next page of donations, of whatever age, whose refunds are not what went back of them.

    Who ran an older release, which kept the sum alone, while this one was brought in wrote such.
    """
    refunds = (
        select(Refund.donation_id, func.sum(Refund.amount_minor).label("minor"))
        .where(Refund.state.in_(COUNTED))
        .group_by(Refund.donation_id)
        .subquery()
    )
    query = (
        select(Donation.id, Donation.stripe_payment_intent_id)
        .outerjoin(refunds, refunds.c.donation_id == Donation.id)
        .where(
            Donation.stripe_payment_intent_id.is_not(None),
            Donation.refunded_minor != func.coalesce(refunds.c.minor, 0),
            Donation.id > int(place.after or 0),
        )
        .order_by(Donation.id)
        .limit(PAGE)
    )
    with transaction() as session:
        rows = session.execute(query).all()
    suspects = [Suspect("payment", payment_id) for _id, payment_id in rows if payment_id]
    return Step(0, suspects, Place(str(rows[-1][0])) if len(rows) == PAGE else None)


def look_at_invoice(session: Session, invoice_id: str) -> Seen:
    """Locked by its subscription until the transaction ends."""
    subscription_id = gateway.read_invoice(invoice_id).subscription_id
    if subscription_id is None:
        return NOTHING
    lock(session, f"subscription:{subscription_id}")
    said = gateway.read_invoice(invoice_id)
    row = session.scalar(
        select(Donation)
        .where(Donation.stripe_invoice_id == invoice_id)
        .execution_options(populate_existing=True)
    )
    failed = session.scalar(
        select(Dunning)
        .where(Dunning.stripe_invoice_id == invoice_id)
        .execution_options(populate_existing=True)
    )
    subscription = recording.find(session, subscription_id)
    fields = _reminding(failed, said, subscription.state if subscription else None)
    if row is not None:
        return Seen(fields | differing(row, _invoice(said)), row.account_id)
    is_ours = subscription is not None or givers.known_checkout(session, said.checkout) is not None
    if is_ours and _counts(said):
        fields |= differing(None, _invoice(said))
    return Seen(fields, subscription.account_id if subscription else None)


def mend_invoice(session: Session, invoice_id: str) -> None:
    subscription_id = gateway.read_invoice(invoice_id).subscription_id
    if subscription_id is not None:
        sync.sync_subscription(session, subscription_id, clock.now(), invoice_id)


def look_at_payment(session: Session, payment_id: str) -> Seen:
    """Locked, with a subscription that runs, until the transaction ends."""
    subscription_id = donations.running_subscription_of(session, payment_id)
    if subscription_id is not None:
        lock(session, f"subscription:{subscription_id}")
    lock(session, f"payment:{payment_id}")
    said = gateway.read_payment(payment_id)
    row = donations.of_payment(session, payment_id)
    if row is not None:
        lost = {"disputed_at": said.disputed_at, "refunded_at": said.refunded_at}
        fields = differing(row, _taken_back(said) | lost) | _refunds(session, row, said)
        fields |= _disputes(session, row, said) | _goes_on(session, row)
        return Seen(fields, row.account_id)
    checkout = givers.known_checkout(session, said.checkout)
    if checkout is None or checkout.interval != "once" or not said.is_paid:
        return NOTHING
    gift = {"amount_minor": said.amount.minor, "currency": said.amount.currency}
    return Seen(differing(None, gift), checkout.account_id)


def mend_payment(session: Session, payment_id: str) -> None:
    sync.sync_payment(session, payment_id, clock.now())


def _invoice(said: InvoiceSnapshot) -> dict[str, Any]:
    """A paid invoice as the columns of its donation; one that is not paid has none."""
    if not _counts(said):
        return {"amount_minor": 0}
    return {
        "amount_minor": said.amount.minor,
        "currency": said.amount.currency,
        "paid_at": said.paid_at,
        "stripe_payment_intent_id": said.payment_id,
    }


def _counts(said: InvoiceSnapshot) -> bool:
    return said.is_paid and said.amount.minor > 0


def _taken_back(said: PaymentSnapshot) -> dict[str, Any]:
    """What became of a payment, as columns of its donation; a fee that is not known yet is none."""
    columns: dict[str, Any] = {"refunded_minor": said.refunded_minor}
    if said.fee is not None:
        columns |= {"fee_minor": said.fee.minor, "fee_currency": said.fee.currency}
    return columns


def _refunds(session: Session, row: Donation, said: PaymentSnapshot) -> Fields:
    """The sum of a donation's refunds, which figures are made from, where it differs."""
    query = select(func.coalesce(func.sum(Refund.amount_minor), 0)).where(
        Refund.donation_id == row.id, Refund.state.in_(COUNTED)
    )
    ours = int(session.scalar(query) or 0)
    return {} if ours == said.refunded_minor else {"refunds_minor": [ours, said.refunded_minor]}


def _disputes(session: Session, row: Donation, said: PaymentSnapshot) -> Fields:
    """The states of a payment's disputes, where they differ."""
    query = select(Dispute.stripe_id, Dispute.status).where(
        Dispute.donation_id == row.id, Dispute.kind == "dispute"
    )
    ours = dict(session.execute(query).all())
    theirs = {each.id: each.status for each in said.disputes}
    return {} if ours == theirs else {"disputes": [ours, theirs]}


def _donations(session: Session, column: Any, page: gateway.Page[Any]) -> dict[str, Donation]:
    rows = session.scalars(select(Donation).where(column.in_([each.id for each in page.entries])))
    return {getattr(row, column.key): row for row in rows}


def _states(session: Session, said: list[InvoiceSnapshot]) -> dict[str, str]:
    """The states of those subscriptions of the invoices that are ours."""
    ids = {each.subscription_id for each in said if each.subscription_id}
    if not ids:
        return {}
    column = Subscription.stripe_subscription_id
    return dict(session.execute(select(column, Subscription.state).where(column.in_(ids))).all())


def _failed(session: Session, page: gateway.Page[Any]) -> dict[str, Dunning]:
    ids = [each.id for each in page.entries]
    rows = session.scalars(select(Dunning).where(Dunning.stripe_invoice_id.in_(ids)))
    return {row.stripe_invoice_id: row for row in rows}


def _reminding(row: Dunning | None, said: InvoiceSnapshot, state: str | None) -> Fields:
    """A patron is reminded of a failed renewal as long as Stripe asks for it, and no longer."""
    is_asked = said.status == "open"
    if row is not None:
        differs = row.is_open and not is_asked
    else:
        is_renewal = said.billing_reason != "subscription_create" and said.asked_at is not None
        differs = is_asked and is_renewal and said.attempts > 0 and state == "past_due"
    return {"dunning": ["open" if row else None, said.status]} if differs else {}


def _step(page: gateway.Page[Any], suspects: list[Suspect]) -> Step:
    return Step(
        count=len(page.entries),
        suspects=suspects,
        place=Place(page.entries[-1].id) if page.has_more else None,
        answered_at=page.answered_at,
    )


def _goes_on(session: Session, row: Donation) -> Fields:
    """The state of a subscription that charges on though a bank took its money back."""
    if row.subscription_id is None:
        return {}
    state = session.scalar(select(Subscription.state).where(Subscription.id == row.subscription_id))
    if state == "ended" or disputes.reason_to_end(session, row.subscription_id) is None:
        return {}
    return {"state": [state, "ended"]}
