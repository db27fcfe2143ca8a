"""A year for somebody else: ordered with a checkout, ready when its payment is settled."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership.background import wake
from membership.billing.gifts.lifecycle import MONTHS_OF_YEAR, state_of
from membership.billing.gifts.models import Gift
from membership.billing.models import Checkout, Donation
from membership.money import Money


@dataclass(frozen=True)
class Order:
    """Whom a year is for, and the letter that brings it.

    `sender_name` is the giver's as it stands in the letter; None is anonymous. `send_on` is a day
    of the newsroom's.
    """

    recipient_email: str
    language: str
    send_on: date
    recipient_name: str | None = None
    sender_name: str | None = None
    message: str | None = None


def place(session: Session, checkout: Checkout, order: Order, gift: Money) -> None:
    """Write what a checkout will pay for, once; `gift` is without the card fee."""
    session.execute(
        insert(Gift)
        .values(
            source="person",
            state="ordered",
            checkout_id=checkout.id,
            months=MONTHS_OF_YEAR,
            amount_minor=gift.minor,
            currency=gift.currency,
            **vars(order),
        )
        .on_conflict_do_nothing(index_elements=["checkout_id"])
    )


def follow(session: Session, donation: Donation) -> None:
    """Bring the gift that a one-time donation pays for to what has become of its money.

    The payment must be locked. Does nothing when the donation pays for no gift.
    """
    if donation.checkout_id is None:
        return
    gift = session.scalar(
        select(Gift)
        .where(Gift.checkout_id == donation.checkout_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if gift is None:
        return
    gift.donation_id = donation.id
    gift.state = state_of(
        is_paid=True,
        is_taken_back=donation.disputed_at is not None
        or donation.refunded_minor >= donation.amount_minor,
        is_sent=gift.sent_at is not None,
        is_redeemed=gift.redeemed_at is not None,
    )
    session.flush()
    if gift.state == "ready":
        wake(session, "billing.send_gifts")
