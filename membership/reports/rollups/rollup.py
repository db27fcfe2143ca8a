"""What every rollup says of itself, so that all are kept in one way."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Cast, Date, Select, TextClause, cast, delete, func, text
from sqlalchemy.orm import Session

from membership.reports.models import DailyCount

Written = Callable[[datetime], Iterable[Select[date]]]
MONTHS = "_month"


@dataclass(frozen=True)
class Rollup:
    """Sums by day (UTC) of facts that stand elsewhere.

    `empty` deletes the rows of a day and all later ones; `fill` writes them anew, from the facts
    on or after `:since` (a moment: that day's beginning). `written` asks for the earliest days of
    the facts that were written after a moment: Stripe may tell us of a payment days later, and
    what counts is the day it was made.
    """

    name: str
    empty: Callable[[Session, date], Any]
    fill: TextClause
    written: Written


def daily_count(name: str, facts: str, written: Written) -> tuple[Rollup, Rollup]:
    """Rollups in the table `daily_count`: a name's sums by day, and of these the sums by month.

    `facts` is a SELECT of (day, currency, part, number, minor) of facts on or after `:since`, one
    row a fact or already grouped; `part` is what they are told apart by, `currency` is '' where
    there is none.
    """
    return _by_day(name, facts, written), _by_month(name, written)


def in_months(name: str) -> str:
    """The name that a count's sums by month bear, each with the first day of its month."""
    return f"{name}{MONTHS}"


def name_of(bears: str) -> str:
    """What is counted in rows that bear a name, or that of in_months()."""
    return bears.removesuffix(MONTHS)


def day_of(at: Any) -> Cast[date]:
    """SQL: the day (UTC) of a moment.

    Ask for the minimum of a day, not of a time: for that PostgreSQL would walk the index of times.
    """
    return cast(func.timezone("UTC", at), Date)


def _by_day(name: str, facts: str, written: Written) -> Rollup:
    """What stood on a day is counted anew from the facts."""

    def empty(session: Session, day: date) -> None:
        session.execute(delete(DailyCount).where(DailyCount.name == name, DailyCount.day >= day))

    fill = text(
        f"""
        INSERT INTO daily_count (name, day, currency, part, number, minor)
        SELECT '{name}', day, currency, part, sum(number), sum(minor)
        FROM ({facts}) AS fact GROUP BY day, currency, part
        """
    )
    return Rollup(name, empty, fill, written)


def _by_month(name: str, written: Written) -> Rollup:
    """What stood in a month is added up from its days, which are rebuilt before."""

    def empty(session: Session, day: date) -> None:
        mine = DailyCount.name == in_months(name)
        session.execute(delete(DailyCount).where(mine, DailyCount.day >= day.replace(day=1)))

    fill = text(
        f"""
        INSERT INTO daily_count (name, day, currency, part, number, minor)
        SELECT '{in_months(name)}', date_trunc('month', day)::date, currency, part, sum(number),
            sum(minor)
        FROM daily_count
        WHERE name = '{name}' AND day >= date_trunc(
            'month', CAST(:since AS timestamptz) AT TIME ZONE 'UTC')::date
        GROUP BY 2, currency, part
        """
    )
    return Rollup(in_months(name), empty, fill, written)
