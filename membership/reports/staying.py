"""Who stays: what the rollups know of cohorts and months (rule D2)."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import case, cast, func, null, select, types
from sqlalchemy.orm import Session

from membership.reports.cohorts import Change, Cohort, cohorts
from membership.reports.models import CohortFigures, DailyFigures
from membership.reports.periods import months_later
from membership.reports.report import Asked

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Months:
    """What stood before the first of these months, and what each changed; cut to the days asked
    for. Losses are positive here."""

    patrons: int
    mrr: int
    changes: tuple["MonthChange", ...]

    def starts(self) -> tuple[tuple[int, int], ...]:
        """(patrons, MRR) when each month began, and at the end of the last."""
        found = [(self.patrons, self.mrr)]
        for each in self.changes:
            patrons, mrr = found[-1]
            found.append((patrons + each.came - each.left, mrr + each.net))
        return tuple(found)


@dataclass(frozen=True)
class MonthChange:
    """Amounts are minor units."""

    first_day: date
    came: int = 0
    left: int = 0
    churn: int = 0
    contraction: int = 0
    expansion: int = 0
    net: int = 0


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


def months(session: Session, asked: Asked) -> Months:
    """The months of the days asked for, gaps filled; one query."""
    day = DailyFigures
    month = cast(func.date_trunc("month", day.day), types.Date)
    part = case((day.day < asked.period.first_day, null()), else_=month)
    churn = day.churn_voluntary_minor + day.churn_involuntary_minor
    gains = day.new_minor + day.expansion_minor + day.reactivation_minor
    sums = (
        day.new_patrons,
        day.lost_patrons,
        -churn,
        -day.contraction_minor,
        day.expansion_minor,
        gains + churn + day.contraction_minor,
    )
    rows = session.execute(
        select(part, *(func.sum(each) for each in sums))
        .where(day.currency == asked.currency, day.day <= asked.period.last_day)
        .group_by(part)
    )
    found = {first: MonthChange(first, *map(int, values)) for first, *values in rows}
    before = found.pop(None, MonthChange(asked.today))
    return Months(
        patrons=before.came - before.left,
        mrr=before.net,
        changes=tuple(
            found.get(each, MonthChange(each))
            for each in asked.period.months
            if each <= asked.today
        ),
    )
