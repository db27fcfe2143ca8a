"""What one account gives: its subscription, its donations, since when."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from membership.billing.elsewhere import support
from membership.billing.elsewhere.models import PaidElsewhere
from membership.billing.gifts.redeeming import runs_until
from membership.billing.models import Donation, Subscription
from membership.billing.standing import PATRON_STATES

NEWEST = 60


@dataclass(frozen=True)
class Giving:
    """`subscription` is the one that runs, else the newest; `donations` newest first.

    A patron is, too, who lives on a gift, or pays elsewhere.
    """

    subscription: Subscription | None
    donations: tuple[Donation, ...]
    since: datetime | None
    # Until when gifts last that this account took.
    gift_until: datetime | None = None
    # What it pays on another platform, while that lasts.
    elsewhere: PaidElsewhere | None = None

    @property
    def is_patron(self) -> bool:
        gives = self.subscription is not None and self.subscription.state in PATRON_STATES
        return gives or self.gift_until is not None or self.elsewhere is not None


def of_account(session: Session, account_id: int) -> Giving:
    """What `account_id` gives and gave, as we last heard from Stripe."""
    runs_first = case((Subscription.state == "ended", 2), (Subscription.state == "incomplete", 1),
                      (Subscription.state == "cancel_scheduled", 0), else_=-1)  # fmt: skip
    subscription = session.scalar(
        select(Subscription)
        .where(Subscription.account_id == account_id)
        .order_by(runs_first, Subscription.started_at.desc(), Subscription.id.desc())
        .limit(1)
    )
    donations = session.scalars(
        select(Donation)
        .where(Donation.account_id == account_id)
        .order_by(Donation.paid_at.desc(), Donation.id.desc())
        .limit(NEWEST)
    ).all()
    since = session.scalar(
        select(func.min(Donation.paid_at)).where(Donation.account_id == account_id)
    )
    until = runs_until(session, account_id)
    elsewhere = support.lasting(session, account_id)
    return Giving(subscription, tuple(donations), since, until, elsewhere)
