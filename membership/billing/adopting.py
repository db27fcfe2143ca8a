"""Taking over subscriptions that began elsewhere on our Stripe account.

Each gets a checkout of ours, whose id follows from Stripe's: written down first, then noted at
Stripe (rules B5, B7), then followed as any other is. Broken off anywhere and done again, it ends in
the same rows. Nothing is mailed about what was before (Checkout.taken_over_at).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import accounts
from membership.accounts.models import Account
from membership.billing import donations, gateway, givers, one_live, subscriptions, sync
from membership.billing.lifecycle import LIVE
from membership.billing.models import Checkout, Subscription
from membership.billing.snapshots import ForeignSubscription
from membership.db import lock, transaction
from membership.mail import addresses

# Names the checkouts of what was taken over.
NAMESPACE = UUID("5f0c8a0e-31a5-5d0e-9d0e-6b5a6d1f7c21")


class NotAdoptedError(ValueError):
    """A subscription is left as it is; `reason` is one of arrivals' reasons."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def checkout_id(stripe_subscription_id: str) -> UUID:
    """Of the checkout by which a subscription is ours once it was taken over."""
    return uuid5(NAMESPACE, stripe_subscription_id)


def ours(session: Session, found: Sequence[ForeignSubscription]) -> set[str]:
    """Those of them, by Stripe's id, that are ours by now; what broke off midway is not yet."""
    followed = session.scalars(
        select(Subscription.stripe_subscription_id)
        .outerjoin(Checkout, Checkout.id == Subscription.checkout_id)
        .where(
            Subscription.stripe_subscription_id.in_([each.said.id for each in found]),
            or_(Checkout.taken_over_at.is_(None), Checkout.state == "completed"),
        )
    )
    begun_here = {
        each.said.id
        for each in found
        if (checkout := givers.known_checkout(session, each.said.checkout)) is not None
        and checkout.taken_over_at is None
    }
    return {*followed, *begun_here}


def why_not(
    session: Session,
    found: ForeignSubscription,
    currencies: Sequence[str],
) -> tuple[str, str] | None:
    """Why a subscription is not taken over, as a reason and what it speaks of; None if it may be.

    One live subscription a patron, and no customer linked by an address that nobody proved to an
    account that another customer gives by (rule B6).
    """
    said = found.said
    state = subscriptions.state_of(said)
    if state in ("incomplete", "ended"):
        return ("first_payment_open" if state == "incomplete" else "over"), ""
    if found.obstacle is not None:
        return found.obstacle, found.price_id
    if said.amount.currency not in currencies:
        return "other_currency", said.amount.currency
    try:
        email = addresses.clean(found.email or "")
    except addresses.InvalidAddressError:
        return "no_address", ""
    account = accounts.find(session, email)
    return _bars(session, account, found) if account is not None else None


def _bars(session: Session, account: Account, found: ForeignSubscription) -> tuple[str, str] | None:
    if account.is_leaving:
        return "is_leaving", ""
    others = Subscription.stripe_subscription_id != found.said.id
    mine = select(exists().where(Subscription.account_id == account.id, others,
                                 Subscription.state.in_(LIVE)))  # fmt: skip
    if subscriptions.state_of(found.said) in LIVE and session.scalar(mine):
        return "gives_already", ""
    another = select(
        exists().where(
            Subscription.account_id == account.id,
            others,
            Subscription.stripe_customer_id != found.said.customer_id,
        )
    )
    if account.verified_at is None and session.scalar(another):
        return "unproven", ""
    return None


def adopt(
    stripe_subscription_id: str,
    languages: Sequence[str],
    currencies: Sequence[str],
) -> Subscription:
    """Take a subscription over, with all that was paid for it; again, it changes nothing.

    Its transactions are its own. Raises NotAdoptedError, ValueError for a shape that we do not
    know, the gateway's errors, and lifecycle's.
    """
    found = gateway.read_foreign_subscription(stripe_subscription_id)
    with transaction() as session:
        lock(session, f"subscription:{stripe_subscription_id}")
        _insist(session, found, currencies)
        taken_at = _write_down(session, found, languages)
    with transaction() as session:
        return _follow(session, stripe_subscription_id, currencies, taken_at)


def _insist(session: Session, found: ForeignSubscription, currencies: Sequence[str]) -> None:
    refused = why_not(session, found, currencies)
    if refused is not None:
        raise NotAdoptedError(*refused)


def _write_down(session: Session, found: ForeignSubscription, languages: Sequence[str]) -> datetime:
    """The checkout of ours, if it is not there yet; when it was written."""
    said = found.said
    now = clock.now()
    spoken = [each.split("-")[0] for each in found.languages]
    session.execute(
        insert(Checkout)
        .values(
            id=checkout_id(said.id),
            email=addresses.clean(found.email or ""),
            name=found.name,
            language=next((each for each in spoken if each in languages), languages[0]),
            interval=said.interval,
            amount_minor=said.amount.minor,
            currency=said.amount.currency,
            created_at=said.started_at,
            taken_over_at=now,
        )
        .on_conflict_do_nothing(index_elements=["id"])
    )
    checkout = session.get_one(Checkout, checkout_id(said.id), populate_existing=True)
    return checkout.taken_over_at or now


def _follow(
    session: Session, stripe_subscription_id: str, currencies: Sequence[str], taken_at: datetime
) -> Subscription:
    """Locks are taken in the order of sync: subscription, account, payments."""
    lock(session, f"subscription:{stripe_subscription_id}")
    checkout = session.get_one(Checkout, checkout_id(stripe_subscription_id))
    account = givers.account_of(session, checkout)
    # Who gives by another one meanwhile keeps that; this one stays whose it was.
    found = gateway.read_foreign_subscription(stripe_subscription_id)
    _insist(session, found, currencies)
    lives = subscriptions.state_of(found.said) in LIVE
    if lives and one_live.other_live(session, account.id, stripe_subscription_id) is not None:
        raise NotAdoptedError("gives_already")
    # Stripe replays a failure for the same key all day, hence the hour.
    hour = clock.now().strftime("%Y-%m-%dT%H")
    gateway.mark_ours(stripe_subscription_id, str(checkout.id), f"{checkout.id}:{hour}")
    row = sync.sync_subscription(session, stripe_subscription_id, taken_at)
    assert row is not None, "its checkout is ours"
    for invoice in reversed(gateway.paid_invoices(stripe_subscription_id)):
        donations.record_invoice(session, invoice, row)
    checkout.state, checkout.completed_at = "completed", found.said.started_at
    return row
