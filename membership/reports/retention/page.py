"""The page on who stays and who leaves (rule D2), in five queries however many give."""

from collections.abc import Sequence
from fractions import Fraction

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from membership.reports import daily, rollups
from membership.reports.daily import Counts
from membership.reports.figures import Figure, average, part_of, share
from membership.reports.report import Asked, Behind, Report, Tile, discreet
from membership.reports.retention import leavers, staying
from membership.reports.retention import tables as staying_tables
from membership.reports.retention.cohorts import lifetime_value, ratio, three_year_value
from membership.reports.retention.staying import Month, last_whole_month, over_months
from membership.web.pages import show_number

# Where figures of all months stand month by month.
BY_MONTH = "#revenue_retention"


def report(session: Session, asked: Asked, behind: Behind = lambda _name, _value: "") -> Report:
    """`behind` is where the people behind a row stand: those who "began" or "left" in a month
    (2026-03), what "moved" MRR in one, and what was written with a "reason"."""
    cohorts = staying.all_cohorts(session, asked)
    months = staying.months(session, asked)
    counts = daily.counts(session, asked, "left", "left_why", "margin")
    if not any(each.patrons or each.end_patrons for each in months) and not cohorts:
        nothing = _("Nobody gave monthly or yearly in these days")
        return Report((), (), rollups.rebuilt_at(session), nothing=nothing)
    return Report(
        tiles=_tiles(months, counts, asked),
        tables=(
            staying_tables.survival_table(cohorts),
            *staying_tables.cohort_tables(cohorts, asked, behind),
            *staying_tables.month_tables(months, asked, behind),
            leavers.left_table(counts, asked, behind),
            leavers.why_table(counts, asked, behind),
        ),
        as_of=rollups.rebuilt_at(session),
    )


def _tiles(months: Sequence[Month], counts: Counts, asked: Asked) -> tuple[Tile, ...]:
    churn = monthly_churn(months, asked)
    leaving = Tile(
        "churn", discreet(churn, asked), "share", note=_of_months(churn), behind="#patron_retention"
    )
    return (*_kept(months), leaving, *_worth(months, counts, churn))


def _kept(months: Sequence[Month]) -> tuple[Tile, ...]:
    """Gross and net retention of all the months."""
    gross = over_months(each.gross for each in months)
    net = over_months(each.net for each in months)
    return (
        Tile("gross_retention", gross, "share", behind=BY_MONTH, of_amounts=True),
        Tile("net_retention", net, "share", behind=BY_MONTH, of_amounts=True),
    )


def monthly_churn(months: Sequence[Month], asked: Asked) -> Figure:
    """The share of patrons that leaves in a month, over the whole months of the days asked for.

    Its denominator is the sum of the patrons with which they began.
    """
    last = last_whole_month(asked)
    whole = [each for each in months if asked.period.first_day <= each.first_day <= last]
    return share(sum(each.left for each in whole), sum(each.patrons for each in whole))


def known_margin(counts: Counts) -> tuple[int, int]:
    """(what is left of payments after fees, the payments); of those whose fee is known."""
    paid = counts.total("margin", part="paid").minor
    return paid - counts.total("margin", part="fee").minor, paid


def _worth(months: Sequence[Month], counts: Counts, churn: Figure) -> tuple[Tile, ...]:
    """What a patron brings, and what that is made of."""
    patrons, mrr = months[-1].end_patrons, months[-1].end_mrr
    known = known_margin(counts)
    margin = ratio(*known)
    lifetime = three_years = None
    if patrons > 0 and churn.value is not None and margin.value is not None:
        # A Decimal of a third is not a third, and might be rounded to the other side.
        left = Fraction(part_of(churn), churn.denominator or 1)
        made_of = Fraction(mrr, patrons), Fraction(*known), left
        lifetime, three_years = lifetime_value(*made_of), three_year_value(*made_of)
    return (
        Tile("arpu", average(mrr, patrons), "money", behind=BY_MONTH),
        Tile("margin", margin, "share", note=_of_fees(counts), of_amounts=True),
        Tile(
            "ltv",
            _value(lifetime, patrons),
            "money",
            note=_why_none(churn, margin),
            behind=BY_MONTH,
        ),
        Tile("three_year_value", _value(three_years, patrons), "money", behind=BY_MONTH),
    )


def _value(minor: int | None, patrons: int) -> Figure:
    if minor is None:
        return Figure(None, computable=False)
    return Figure(minor, denominator=patrons)


def _of_months(churn: Figure) -> str:
    return "" if churn.computable else str(_("needs a whole month that began with patrons"))


def _of_fees(counts: Counts) -> str:
    if payments := counts.total("margin", part="fee").number:
        number = show_number(payments)
        said = ngettext(
            "from %(number)s payment", "from %(number)s payments", payments, number=number
        )
        return str(said)
    return str(_("no fee is known in this currency"))


def _why_none(churn: Figure, margin: Figure) -> str:
    if churn.value == 0 and churn.computable:
        return str(_("nobody left in these months, so there is no end to reckon with"))
    if not margin.computable:
        return str(_("needs a known fee"))
    return _of_months(churn)
