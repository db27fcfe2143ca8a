"""What becomes of patrons who began together, and what a patron is worth. Pure (rule D2).

Amounts are minor units of one currency.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import takewhile

from membership.reports.figures import SMALL, Figure, share
from membership.reports.periods import months_later

MONTHS_OF_THREE_YEARS = 36


@dataclass(frozen=True)
class Change:
    """What one month changed for one cohort, as in CohortFigures."""

    cohort: date
    month: date
    began_patrons: int
    began_minor: int
    patrons: int
    mrr_minor: int


@dataclass(frozen=True)
class Standing:
    """Running supports, and the MRR they bring."""

    patrons: int
    mrr_minor: int


@dataclass(frozen=True)
class Cohort:
    """Those who began in the month of `first_day`.

    `months`: what stands at the end of that month, of the next one, and so on.
    """

    first_day: date
    began: Standing
    months: tuple[Standing, ...]

    def patrons_after(self, months: int) -> Figure:
        """The share of patrons who give at the end of the month that is so much later."""
        return share(self.months[months].patrons, self.began.patrons)

    def revenue_after(self, months: int) -> Figure:
        """What they bring then, as a share of what they began with; whoever gives more counts."""
        return ratio(self.months[months].mrr_minor, self.began.mrr_minor)


def ratio(part: int, whole: int) -> Figure:
    """Money as a share of other money: it rests on no number of people."""
    if whole == 0:
        return Figure(None, computable=False)
    return Figure(Decimal(part) / whole)


def cohorts(changes: Iterable[Change], last_month: date) -> tuple[Cohort, ...]:
    """All that began until `last_month` (the last that is over), the oldest first."""
    found: dict[date, dict[date, Change]] = {}
    for each in changes:
        found.setdefault(each.cohort, {})[each.month] = each
    return tuple(
        _cohort(first_day, found[first_day], last_month)
        for first_day in sorted(found)
        if first_day <= last_month
    )


def _cohort(first_day: date, changes: dict[date, Change], last_month: date) -> Cohort:
    began = changes.get(first_day) or Change(first_day, first_day, 0, 0, 0, 0)
    patrons = mrr = 0
    months = []
    month = first_day
    while month <= last_month:
        if change := changes.get(month):
            patrons += change.patrons
            mrr += change.mrr_minor
        months.append(Standing(patrons, mrr))
        month = months_later(month, 1)
    return Cohort(first_day, Standing(began.began_patrons, began.began_minor), tuple(months))


def survival(found: Iterable[Cohort]) -> tuple[Figure, ...]:
    """The share of patrons who still give 0, 1, 2 … months after the month they began in.

    Each rests on the cohorts that are old enough: its denominator says how many began in them.
    Where they are fewer than SMALL the curve ends, for a line drawn on by one or two says nothing.
    """
    cohorts = tuple(found)
    oldest = max((len(each.months) for each in cohorts), default=0)
    curve = (_survived(cohorts, months) for months in range(oldest))
    return tuple(takewhile(lambda figure: (figure.denominator or 0) >= SMALL, curve))


def _survived(cohorts: Iterable[Cohort], months: int) -> Figure:
    old_enough = [each for each in cohorts if len(each.months) > months]
    return share(
        sum(each.months[months].patrons for each in old_enough),
        sum(each.began.patrons for each in old_enough),
    )


def lifetime_value(arpu: Fraction, margin: Fraction, churn: Fraction) -> int | None:
    """Minor units that a patron brings until leaving; None where nobody leaves.

    `arpu` a month, `margin` after fees and `churn` a month as parts of 1.
    """
    return round(arpu * margin / churn) if churn else None


def three_year_value(arpu: Fraction, margin: Fraction, churn: Fraction) -> int:
    """Minor units in 36 months, the first of them whole, when `churn` of those left go each."""
    stays = 1 - churn
    months = (1 - stays**MONTHS_OF_THREE_YEARS) / churn if churn else MONTHS_OF_THREE_YEARS
    return round(arpu * margin * months)
