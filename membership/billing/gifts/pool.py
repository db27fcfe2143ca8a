"""The pool: readers pay a coffee for someone who cannot; staff grant months from it."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.background import wake
from membership.billing.fees import card_fee
from membership.billing.gifts.models import Gift
from membership.billing.models import Checkout, Donation
from membership.db import lock
from membership.money import Money, from_major

MOST_MONTHS = 12


class PoolTooSmallError(ValueError):
    """The pool has less than the grant costs."""


class AlreadyGrantedError(ValueError):
    """A grant to this address waits to be taken, or runs."""


@dataclass(frozen=True)
class Balance:
    """What one currency's pool was given and has granted.

    Refunds may take back what was granted already: the pool is then `short`, and nothing is left.
    """

    given: Money
    granted: Money
    coffee: Money

    @property
    def left(self) -> Money:
        return Money(max(0, (self.given - self.granted).minor), self.given.currency)

    @property
    def short(self) -> Money:
        return Money(max(0, (self.granted - self.given).minor), self.given.currency)

    @property
    def months(self) -> int:
        """How many months of coffee are left."""
        return self.left.minor // self.coffee.minor


def coffee(currency: str) -> Money:
    """What one month costs: the smallest suggested amount."""
    return from_major(settings().tiers[currency][0].amount, currency)


def balances(session: Session) -> list[Balance]:
    """One for each offered currency, in their order."""
    return [balance(session, currency) for currency in settings().currencies]


def balance(session: Session, currency: str) -> Balance:
    """What is left of donations to the pool after refunds and card fees, against what was granted.

    The fee is Stripe's, where it is known in the same currency; else by the newsroom's own prices.
    """
    is_known = Donation.fee_currency == Donation.currency
    fee = case((is_known, Donation.fee_minor), else_=_listed_fee(currency))
    net = func.greatest(Donation.amount_minor - Donation.refunded_minor - fee, 0)
    given = select(func.sum(net)).where(
        Donation.checkout_id.in_(select(Checkout.id).where(Checkout.purpose == "pool")),
        Donation.subscription_id.is_(None),
        Donation.disputed_at.is_(None),
        Donation.currency == currency,
    )
    granted = select(func.sum(Gift.amount_minor)).where(
        Gift.source == "pool", Gift.state != "taken_back", Gift.currency == currency
    )
    return Balance(
        given=Money(int(session.scalar(given) or 0), currency),
        granted=Money(int(session.scalar(granted) or 0), currency),
        coffee=coffee(currency),
    )


def _listed_fee(currency: str) -> ColumnElement[int]:
    """SQL: what a donation in `currency` costs by the newsroom's prices, rounded up."""
    fee = card_fee(currency)
    share = Donation.amount_minor * fee.share.numerator
    return (share + fee.share.denominator - 1) // fee.share.denominator + fee.fixed.minor


@dataclass(frozen=True)
class Grant:
    """Months for somebody who cannot pay; `reason` is for the audit log alone."""

    email: str
    language: str
    months: int
    currency: str
    reason: str
    name: str | None = None


def grant(session: Session, wanted: Grant, actor_id: int) -> Gift:
    """Write a gift from the pool, whose letter leaves at once.

    Raises PoolTooSmallError and AlreadyGrantedError, and writes nothing then.
    """
    lock(session, "pool")
    if _has_grant(session, wanted.email):
        raise AlreadyGrantedError
    price = coffee(wanted.currency) * wanted.months
    if price.minor > balance(session, wanted.currency).left.minor:
        raise PoolTooSmallError
    gift = Gift(
        source="pool",
        state="ready",
        granted_by_id=actor_id,
        recipient_email=wanted.email,
        recipient_name=wanted.name,
        language=wanted.language,
        months=wanted.months,
        amount_minor=price.minor,
        currency=price.currency,
        send_on=clock.newsroom_day(),
    )
    session.add(gift)
    session.flush()
    audit.record(
        session,
        "pool.granted",
        f"gift:{gift.id}",
        actor_id=actor_id,
        months=wanted.months,
        amount_minor=price.minor,
        currency=price.currency,
        reason=wanted.reason,
    )
    wake(session, "billing.send_gifts")
    return gift


def _has_grant(session: Session, email: str) -> bool:
    runs = or_(Gift.state.in_(("ready", "sent")), Gift.ends_at > clock.now())
    found = select(Gift.id).where(Gift.source == "pool", Gift.recipient_email == email, runs)
    return session.scalar(found.limit(1)) is not None
