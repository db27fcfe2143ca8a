"""How many people gave in each month that is over, by currency: one-time, and regularly.

Counted when the month is over, for it takes a look at all of its donations; and again when we hear
of a payment late, or when two accounts are merged that both gave in it.
"""

from datetime import UTC, date, datetime, time

from sqlalchemy import delete, func, select, text, union
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.models import Donation
from membership.db import lock
from membership.reports.models import DailyCount, DailyFigures
from membership.reports.periods import Period, months_later
from membership.reports.rollups.rollup import day_of

NAME = "givers"
ONE_TIME, REGULAR = "one_time", "regular"

_FILL = text(
    f"""
    INSERT INTO daily_count (name, day, currency, part, number, minor)
    SELECT '{NAME}', :month, currency,
        CASE WHEN subscription_id IS NULL THEN '{ONE_TIME}' ELSE '{REGULAR}' END,
        count(DISTINCT account_id), 0
    FROM donation WHERE paid_at >= :since AND paid_at < :until GROUP BY 3, 4
    """
)
_FIRST = select(func.min(DailyFigures.day))


def freeze(session: Session) -> None:
    """Count the months that are over and not counted yet."""
    lock(session, "months' givers")
    for month in _over(session, _newest(session)):
        _freeze(session, month)


def rebuild(session: Session) -> int:
    """Count every month anew; the number of rows written."""
    lock(session, "months' givers")
    session.execute(delete(DailyCount).where(DailyCount.name == NAME))
    return sum(_freeze(session, month) for month in _over(session, None))


def recount(session: Session, since: datetime) -> None:
    """Count anew the months of which we heard after then, be it of a payment or of a merge."""
    merged = select(Account.merged_into_id).where(Account.merged_at >= since)
    month = func.date_trunc("month", Donation.paid_at, "UTC")
    twice = (
        select(day_of(month))
        .where(Donation.account_id.in_(merged))
        .group_by(month, Donation.currency, Donation.subscription_id.is_(None))
        .having(func.count() > 1)
    )
    heard = select(day_of(month)).where(Donation.created_at >= since)
    if months := set(session.scalars(union(twice, heard))):
        lock(session, "months' givers")
        newest = _newest(session)
        for each in months:
            if newest is not None and each <= newest:
                counted = DailyCount.name == NAME, DailyCount.day == each
                session.execute(delete(DailyCount).where(*counted))
                _freeze(session, each)


def _newest(session: Session) -> date | None:
    """The last month that is counted."""
    return session.scalar(select(func.max(DailyCount.day)).where(DailyCount.name == NAME))


def _over(session: Session, after: date | None) -> list[date]:
    """Months that are over and have figures, by their first days; those after `after` alone."""
    ends = months_later(clock.now().date(), -1)
    begins = months_later(after, 1) if after else session.scalar(_FIRST)
    if begins is None or begins.replace(day=1) > ends:
        return []
    return list(Period(begins.replace(day=1), ends).months)


def _freeze(session: Session, month: date) -> int:
    span = [datetime.combine(day, time(), UTC) for day in (month, months_later(month, 1))]
    written = session.execute(_FILL, {"month": month, "since": span[0], "until": span[1]})
    return written.rowcount  # type: ignore[attr-defined,no-any-return]
