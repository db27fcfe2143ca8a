"""One week's figures beside those of the week before: what the summary by mail tells."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.reports.models import DailyFigures
from membership.reports.periods import DAY

WEEK = timedelta(days=7)
# By the clock of the newsroom.
FROM_HOUR = 8
MONDAY, TUESDAY = 1, 2


@dataclass(frozen=True)
class Week:
    """From Monday to Sunday, days of UTC; `name` such as "2026-W47"."""

    first_day: date

    @property
    def name(self) -> str:
        year, week, _day = self.first_day.isocalendar()
        return f"{year}-W{week:02}"

    @property
    def last_day(self) -> date:
        return self.first_day + 6 * DAY


@dataclass(frozen=True)
class Purse:
    """Minor units of one currency; the changes of `received` and `one_time` are those against the
    week before."""

    currency: str
    mrr: int
    mrr_change: int
    received: int
    received_change: int
    one_time: int
    one_time_change: int


@dataclass(frozen=True)
class Sums:
    """Counts of all currencies together, and money of each; the largest currency first."""

    patrons: int
    patrons_before: int
    joined: int
    joined_before: int
    left: int
    left_before: int
    purses: tuple[Purse, ...]

    def without_amounts(self) -> "Sums":
        """As those see it who may not see names with amounts."""
        return replace(self, purses=())


def week_due(now: datetime) -> Week | None:
    """The week that is over, if its letter is due: from Monday morning until Tuesday ends.

    `now` is in the newsroom's zone.
    """
    day = now.isoweekday()
    if day == TUESDAY or (day == MONDAY and now.hour >= FROM_HOUR):
        return Week(now.date() - (day - MONDAY) * DAY - WEEK)
    return None


def sums_of(session: Session, week: Week) -> Sums:
    """In one query."""
    days = sorted(_days(session, week), key=lambda row: (-row.patrons, row.currency))

    def total(name: str) -> int:
        return sum(int(getattr(row, name)) for row in days)

    patrons, joined, left = total("patrons"), total("joined"), total("left")
    return Sums(
        patrons=patrons,
        patrons_before=patrons - joined + left,
        joined=joined,
        joined_before=total("joined_before"),
        left=left,
        left_before=total("left_before"),
        purses=tuple(map(_purse, days)),
    )


def _days(session: Session, week: Week) -> Any:
    """Sums of days by currency: of all, of the week, of the one before."""
    day = DailyFigures
    mrr = (
        day.new_minor
        + day.expansion_minor
        + day.reactivation_minor
        + day.contraction_minor
        + day.churn_voluntary_minor
        + day.churn_involuntary_minor
    )
    this, before = (
        day.day >= week.first_day,
        day.day.between(week.first_day - WEEK, week.first_day - DAY),
    )

    def total(what: Any, when: Any = None) -> Any:
        summed = func.sum(what) if when is None else func.sum(what).filter(when)
        return func.coalesce(summed, 0)

    return session.execute(
        select(
            day.currency,
            total(day.new_patrons - day.lost_patrons).label("patrons"),
            total(day.new_patrons, this).label("joined"),
            total(day.new_patrons, before).label("joined_before"),
            total(day.lost_patrons, this).label("left"),
            total(day.lost_patrons, before).label("left_before"),
            total(mrr).label("mrr"),
            total(mrr, this).label("mrr_change"),
            total(day.received_minor, this).label("received"),
            total(day.received_minor, before).label("received_before"),
            total(day.one_time_minor, this).label("one_time"),
            total(day.one_time_minor, before).label("one_time_before"),
        )
        .where(day.day <= week.last_day)
        .group_by(day.currency)
    )


def _purse(row: Any) -> Purse:
    received, one_time = int(row.received), int(row.one_time)
    return Purse(
        row.currency,
        mrr=int(row.mrr),
        mrr_change=int(row.mrr_change),
        received=received,
        received_change=received - int(row.received_before),
        one_time=one_time,
        one_time_change=one_time - int(row.one_time_before),
    )
