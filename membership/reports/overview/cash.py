"""Next month's cash: what will be charged, times the share of renewals that were paid (D6)."""

from collections.abc import Iterable
from datetime import date
from fractions import Fraction

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.reports.figures import Figure, part_of, share
from membership.reports.models import DailyCount
from membership.reports.periods import DAY, Period, months_later

MEASURED_MONTHS = 3
# The rollup of failed payments that nothing mended, by the day of the failure.
GIVEN_UP = "given_up"


def measured(today: date) -> Period:
    """The last whole months."""
    month = today.replace(day=1)
    return Period(months_later(month, -MEASURED_MONTHS), month - DAY)


def given_up(session: Session, period: Period) -> dict[str, int]:
    """Renewals that failed for good, by currency."""
    rows = session.execute(
        select(DailyCount.currency, func.sum(DailyCount.number))
        .where(
            DailyCount.name == GIVEN_UP,
            DailyCount.day.between(period.first_day, period.last_day),
        )
        .group_by(DailyCount.currency)
    )
    return {currency: int(number) for currency, number in rows}


def success(paid: int, failures: int) -> Figure:
    """The share of renewals that were paid; its denominator is how many were measured."""
    return share(paid, paid + failures)


def together(found: Iterable[Figure]) -> Figure:
    """The success() of several currencies."""
    measured = tuple(found)
    return share(sum(map(part_of, measured)), sum(each.denominator or 0 for each in measured))


def expected(due: tuple[int, int], success: Figure) -> Figure:
    """`due` are (payments, minor units); not computable before any renewal was measured."""
    payments, minor = due
    if not success.denominator:
        return Figure(None, computable=False, denominator=0)
    return Figure(
        round(Fraction(minor * part_of(success), success.denominator)), denominator=payments
    )
