"""What one patron has given so far: net of what went back, a line a currency."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from membership.billing.models import Donation
from membership.money import Money


@dataclass(frozen=True)
class Lifetime:
    """`net` is `given` without `back`: what was refunded, and what a bank took back."""

    given: Money
    back: Money
    donations: int
    first_at: datetime
    last_at: datetime

    @property
    def net(self) -> Money:
        return Money(self.given.minor - self.back.minor, self.given.currency)


def of_account(session: Session, account_id: int) -> list[Lifetime]:
    """Currencies are never added up: the one with most donations comes first."""
    back = case(
        (Donation.disputed_at.is_not(None), Donation.amount_minor), else_=Donation.refunded_minor
    )
    rows = session.execute(
        select(
            Donation.currency,
            func.sum(Donation.amount_minor),
            func.sum(back),
            func.count(),
            func.min(Donation.paid_at),
            func.max(Donation.paid_at),
        )
        .where(Donation.account_id == account_id)
        .group_by(Donation.currency)
        .order_by(func.count().desc(), Donation.currency)
    )
    return [
        Lifetime(Money(int(given), currency), Money(int(gone), currency), number, first, last)
        for currency, given, gone, number, first, last in rows
    ]
