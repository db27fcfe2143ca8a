"""Which gifts an account gave and got."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.billing.gifts.models import Gift
from membership.billing.models import Donation
from membership.billing.standing import gift_taken_back


@dataclass(frozen=True)
class Received:
    """A gift that the account took; `is_taken_back` when its money went back since."""

    gift: Gift
    is_taken_back: bool


def by_account(session: Session, account_id: int) -> list[Gift]:
    """The gifts that the account paid for, newest first."""
    query = (
        select(Gift)
        .join(Donation, Donation.id == Gift.donation_id)
        .where(Donation.account_id == account_id)
        .order_by(Gift.id.desc())
    )
    return list(session.scalars(query))


def to_account(session: Session, account_id: int) -> list[Received]:
    """The gifts that the account took, the last first."""
    query = (
        select(Gift, gift_taken_back())
        .where(Gift.account_id == account_id)
        .order_by(Gift.redeemed_at.desc(), Gift.id.desc())
    )
    return [Received(gift, lost) for gift, lost in session.execute(query)]
