"""Who stays: what the rollups know of cohorts and months (rule D2)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from math import prod

from sqlalchemy import case, func, null, select
from sqlalchemy.orm import Session

from membership.reports import daily
from membership.reports.figures import Figure, share
from membership.reports.models import CohortFigures, DailyFigures
from membership.reports.periods import DAY, Period, months_later
from membership.reports.report import Asked
from membership.reports.retention.cohorts import Change, Cohort, cohorts, ratio
from membership.reports.rollups.kept import LEFT, LESS, MORE, NAME


@dataclass(frozen=True)
class Month:
    """What stood when a month began, and what became of it until its end, or that of the days.

    `left` are the patrons of its start who left or paused; `churn` is what they took away,
    `contraction` what others did, and `expansion` what those who are left give above their start.
    Losses are positive; amounts are minor units. `end_patrons` and `end_mrr` are of everybody.
    """

    first_day: date
    patrons: int
    mrr: int
    left: int
    churn: int
    contraction: int
    expansion: int
    end_patrons: int
    end_mrr: int

    @property
    def stayed(self) -> Figure:
        return share(self.patrons - self.left, self.patrons)

    @property
    def gross(self) -> Figure:
        return ratio(self.mrr - self.churn - self.contraction, self.mrr)

    @property
    def net(self) -> Figure:
        return ratio(self.mrr - self.churn - self.contraction + self.expansion, self.mrr)


def over_months(shares: Iterable[Figure]) -> Figure:
    """What is left after months of which each left a share; those that began with nothing are
    left out."""
    found = [Decimal(each.value) for each in shares if each.value is not None]
    return Figure(prod(found)) if found else Figure(None, computable=False)


def last_whole_month(asked: Asked) -> date:
    """The first day of the last month that was over within the days asked for."""
    last_day = min(asked.period.last_day, asked.today - DAY)
    return months_later(last_day + DAY, -1)


def all_cohorts(session: Session, asked: Asked) -> tuple[Cohort, ...]:
    """All cohorts of the currency, until the end of the days asked for; one query."""
    row = CohortFigures
    until = last_whole_month(asked)
    found = session.execute(
        select(
            row.cohort,
            row.month,
            row.began_patrons,
            row.began_minor,
            row.patrons,
            row.mrr_minor,
        ).where(row.currency == asked.currency, row.month <= until)
    )
    return cohorts((Change(*each) for each in found), until)


def months(session: Session, asked: Asked) -> tuple[Month, ...]:
    """The months that the days touch, each from its first day on; two queries."""
    days = Period(asked.period.first_day.replace(day=1), asked.period.last_day)
    kept = daily.counts(session, replace(asked, period=days), NAME)
    changed = _changed(session, asked.currency, days)
    patrons, mrr = changed.get(None, (0, 0))
    found = []
    for each in days.months:
        if each <= asked.today:
            came, added = changed.get(each, (0, 0))
            left, less, more = (kept.total(NAME, each, part) for part in (LEFT, LESS, MORE))
            end = patrons + came, mrr + added
            lost = left.number, left.minor, less.minor
            found.append(Month(each, patrons, mrr, *lost, more.minor, *end))
            patrons, mrr = end
    return tuple(found)


def _changed(session: Session, currency: str, days: Period) -> dict[date | None, tuple[int, int]]:
    """By how much patrons and MRR grew, by month; under None, before the first of these days."""
    day = DailyFigures
    part = case((day.day < days.first_day, null()), else_=daily.month_of(day.day))
    grew = (
        day.new_minor
        + day.expansion_minor
        + day.reactivation_minor
        + day.contraction_minor
        + day.churn_voluntary_minor
        + day.churn_involuntary_minor
    )
    rows = session.execute(
        select(part, func.sum(day.new_patrons - day.lost_patrons), func.sum(grew))
        .where(day.currency == currency, day.day <= days.last_day)
        .group_by(part)
    )
    return {first: (int(patrons), int(minor)) for first, patrons, minor in rows}
