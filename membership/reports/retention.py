"""The page on who stays and who leaves (rule D2), in four queries however many patrons there are.

What is made of amounts is for those who see all.
"""

from fractions import Fraction

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from membership.reports import daily, leavers, rollups, staying, staying_tables
from membership.reports.cohorts import gross, lifetime_value, ratio, three_year_value
from membership.reports.daily import Counts
from membership.reports.figures import Figure, average, share
from membership.reports.report import Asked, Behind, Report, Tile, discreet
from membership.reports.staying import Months, last_whole_month


def report(session: Session, asked: Asked, behind: Behind = lambda _name, _value: "") -> Report:
    """`behind` is where the people behind a row stand, for who sees all: those who "began" or
    "left" in a month (2026-03), and what was written with a "reason"."""
    cohorts = staying.all_cohorts(session, asked)
    months = staying.months(session, asked)
    counts = daily.counts(session, asked, "left", "left_why", "margin")
    if not cohorts and not months.mrr and not any(each.came for each in months.changes):
        return Report((), (), rollups.rebuilt_at(session))
    return Report(
        tiles=_tiles(months, counts, asked),
        tables=(
            staying_tables.survival_table(cohorts, asked),
            *staying_tables.cohort_tables(cohorts, asked, behind),
            *staying_tables.month_tables(months, asked),
            leavers.left_table(counts, asked, behind),
            leavers.why_table(counts, asked, behind),
        ),
        as_of=rollups.rebuilt_at(session),
    )


def _tiles(months: Months, counts: Counts, asked: Asked) -> tuple[Tile, ...]:
    churn = monthly_churn(months, asked)
    leaving = Tile("churn", discreet(churn, asked), "share", note=_of_months(churn))
    if not asked.sees_all:
        return (leaving,)
    return (*_kept(months), leaving, *_worth(months, counts, churn))


def _kept(months: Months) -> tuple[Tile, ...]:
    """Gross and net retention of the whole of the days."""
    lost = sum(each.churn + each.contraction for each in months.changes)
    gained = sum(each.expansion for each in months.changes)
    return (
        Tile("gross_retention", gross(months.mrr, lost), "share"),
        Tile("net_retention", ratio(months.mrr - lost + gained, months.mrr), "share"),
    )


def monthly_churn(months: Months, asked: Asked) -> Figure:
    """The share of patrons that leaves in a month, over the whole months of the days asked for.

    Its denominator is the sum of the patrons with which they began.
    """
    last = last_whole_month(asked)
    whole = [
        (each.left, start)
        for each, (start, _mrr) in zip(months.changes, months.starts(), strict=False)
        if asked.period.first_day <= each.first_day <= last
    ]
    return share(sum(left for left, _ in whole), sum(start for _, start in whole))


def known_margin(counts: Counts) -> Figure:
    """What is left of payments after fees; not computable where no fee is known."""
    paid = counts.total("margin", part="paid")
    fees = counts.total("margin", part="fee")
    return ratio(paid.minor - fees.minor, paid.minor)


def _worth(months: Months, counts: Counts, churn: Figure) -> tuple[Tile, ...]:
    """What a patron brings, and what that is made of."""
    patrons, mrr = months.starts()[-1]
    margin = known_margin(counts)
    lifetime = three_years = None
    if patrons > 0 and churn.value is not None and margin.value is not None:
        made_of = Fraction(mrr, patrons), Fraction(margin.value), Fraction(churn.value)
        lifetime, three_years = lifetime_value(*made_of), three_year_value(*made_of)
    return (
        Tile("arpu", average(mrr, patrons), "money"),
        Tile("margin", margin, "share", note=_of_fees(counts)),
        Tile("ltv", _value(lifetime, patrons), "money", note=_why_none(churn, margin)),
        Tile("three_year_value", _value(three_years, patrons), "money"),
    )


def _value(minor: int | None, patrons: int) -> Figure:
    if minor is None:
        return Figure(None, computable=False)
    return Figure(minor, denominator=patrons)


def _of_months(churn: Figure) -> str:
    return "" if churn.computable else str(_("needs a whole month that began with patrons"))


def _of_fees(counts: Counts) -> str:
    if payments := counts.total("margin", part="fee").number:
        return str(_("from %(number)d payments", number=payments))
    return str(_("no fee is known in this currency"))


def _why_none(churn: Figure, margin: Figure) -> str:
    if churn.value == 0 and churn.computable:
        return str(_("nobody left in these months, so there is no end to reckon with"))
    if not margin.computable:
        return str(_("needs a known fee"))
    return _of_months(churn)
