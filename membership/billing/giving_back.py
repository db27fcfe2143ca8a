"""Giving a donation back when staff ask for it: the row first, then Stripe (rule B7).

A row that is "asked" is due until Stripe has done it or refused. Its id is in the idempotency key
and in the refund's metadata, so that whatever breaks off is taken up without a second refund.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import audit
from membership.background import wake
from membership.billing import donations, gateway, sync
from membership.billing.models import Donation, Refund
from membership.db import transaction
from membership.money import Money

log = structlog.get_logger(__name__)
BATCH = 100
# Stripe is asked every minute, and is seldom away for so long.
PATIENCE = timedelta(hours=1)


class TooMuchError(ValueError):
    """More than is left of the donation; `left` is what is."""

    def __init__(self, left: Money) -> None:
        super().__init__("more than is left of the donation")
        self.left = left


class AskedOtherwiseError(ValueError):
    """The same form has asked already, for another amount or donation; `amount` is that one."""

    def __init__(self, refund: Refund) -> None:
        super().__init__(f"refund {refund.id} was asked for otherwise")
        self.amount = Money(refund.amount_minor, refund.currency)


@dataclass(frozen=True)
class Given:
    """A donation, what went back of it or is to, and what still can."""

    donation: Donation
    refunds: tuple[Refund, ...]

    @property
    def left(self) -> Money:
        """Nothing of what Stripe did not take, or a bank took back."""
        donation = self.donation
        if donation.stripe_payment_intent_id is None or donation.disputed_at is not None:
            return Money(0, donation.currency)
        taken = sum(each.amount_minor for each in self.refunds if each.state != "failed")
        return Money(donation.amount_minor - taken, donation.currency)


def given(session: Session, donation: Donation) -> Given:
    return _with_refunds(session, [donation])[0]


def newest_of(session: Session, account_id: int, most: int) -> list[Given]:
    """An account's donations, newest first, in two queries."""
    found = session.scalars(
        select(Donation)
        .where(Donation.account_id == account_id)
        .order_by(Donation.paid_at.desc(), Donation.id.desc())
        .limit(most)
    )
    return _with_refunds(session, list(found))


def _with_refunds(session: Session, found: list[Donation]) -> list[Given]:
    refunds: dict[int, list[Refund]] = defaultdict(list)
    for each in session.scalars(
        select(Refund)
        .where(Refund.donation_id.in_([donation.id for donation in found]))
        .order_by(Refund.created_at, Refund.id)
        .execution_options(populate_existing=True)
    ):
        refunds[each.donation_id].append(each)
    return [Given(donation, tuple(refunds[donation.id])) for donation in found]


def ask(
    session: Session,
    donation_id: int,
    amount: Money,
    *,
    refund_id: UUID,
    actor_id: int,
    reason: str,
) -> Refund:
    """Write down that `actor_id` wants `amount` given back; Stripe is asked after the commit.

    `refund_id` belongs to one showing of the form: sent twice, it is one refund. Raises
    TooMuchError, and AskedOtherwiseError when it is sent with something else.
    """
    donation = session.get_one(Donation, donation_id, with_for_update=True, populate_existing=True)
    known = session.get(Refund, refund_id, populate_existing=True)
    if known is not None:
        asked = (known.donation_id, known.amount_minor, known.currency)
        if asked != (donation.id, amount.minor, amount.currency):
            raise AskedOtherwiseError(known)
        return known
    rest = given(session, donation).left
    if not 0 < amount.minor <= rest.minor or amount.currency != rest.currency:
        raise TooMuchError(rest)
    refund = Refund(
        id=refund_id,
        donation_id=donation.id,
        amount_minor=amount.minor,
        currency=amount.currency,
        state="asked",
        actor_id=actor_id,
        reason=reason,
    )
    session.add(refund)
    session.flush()
    audit.record(
        session,
        "donation.refunded",
        f"account:{donation.account_id}",
        actor_id=actor_id,
        donation=donation.id,
        refund=str(refund_id),
        amount_minor=amount.minor,
        currency=amount.currency,
        reason=reason,
    )
    wake(session, "billing.finish_refunds")
    return refund


def waits_too_long() -> ColumnElement[bool]:
    """SQL: Stripe has neither done a refund nor refused it, and a person should look why."""
    return and_(Refund.state == "asked", Refund.created_at < clock.now() - PATIENCE)


def finish_due() -> None:
    """Ask Stripe for what is not done yet; one that goes wrong never holds up the rest."""
    with transaction() as session:
        due = session.scalars(
            select(Refund.id)
            .where(Refund.state == "asked")
            .order_by(Refund.created_at)
            .limit(BATCH)
        ).all()
    for refund_id in due:
        try:
            finish(refund_id)
        except gateway.StripeAwayError as error:
            log.warning("refunds_wait_for_stripe", reason=str(error))
            return
        # Whatever is wrong with one must not stop the others (lesson L7).
        except Exception as error:
            log.error("refund_not_made", refund=str(refund_id), exc_info=error)


def finish(refund_id: UUID) -> str:
    """Have Stripe give back what was asked for, once; the state of the row then.

    Raises the gateway's StripeUnavailableError: the row stays as it is, and is due again.
    """
    with transaction() as session:
        payment_id = session.scalar(
            select(Donation.stripe_payment_intent_id)
            .join(Refund, Refund.donation_id == Donation.id)
            .where(Refund.id == refund_id)
        )
        assert payment_id is not None, "only what Stripe took is asked back of it"
        # An attempt that broke off may have been heard by Stripe, which keeps our id. The key
        # changes by the hour: for the same one a failure is replayed all day.
        try:
            _follow(session, payment_id)
        except gateway.StripeRefusedError as error:
            # What Stripe does not know it cannot have given back, nor ever will.
            return _give_up(session, refund_id, error)
        refund = session.get_one(Refund, refund_id, populate_existing=True)
        if refund.state != "asked":
            return refund.state
        hour = clock.now().strftime("%Y-%m-%dT%H")
        try:
            gateway.refund(
                payment_id,
                {"refund": str(refund.id)},
                idempotency_key=f"{refund.id}:{hour}",
                amount=Money(refund.amount_minor, refund.currency),
            )
        except gateway.StripeRefusedError as error:
            return _give_up(session, refund_id, error)
        donations.follow_payment(session, payment_id)
        return refund.state


def _follow(session: Session, payment_id: str) -> None:
    """Write what became of a payment, with its subscription if Stripe has it; takes their locks.

    Raises StripeRefusedError when Stripe does not know the payment.
    """
    try:
        with session.begin_nested():
            sync.sync_payment(session, payment_id, clock.now())
    except gateway.StripeRefusedError as error:
        # The subscription may be what it refuses: the payment alone says what can go back.
        log.warning("refund_without_subscription", payment=payment_id, reason=str(error))
        donations.follow_payment(session, payment_id)


def _give_up(session: Session, refund_id: UUID, error: gateway.StripeRefusedError) -> str:
    """Write down why Stripe does not give it back, unless another has finished it; its state."""
    refund = session.get_one(Refund, refund_id, with_for_update=True, populate_existing=True)
    if refund.state == "asked":
        refund.state, refund.last_error = "failed", error.code or str(error)
        log.error("refund_refused", refund=str(refund_id), reason=refund.last_error)
    return refund.state
