"""Who stays, as tables and pictures (rule D2)."""

from collections.abc import Sequence
from dataclasses import replace

from flask_babel import gettext as _
from flask_babel import ngettext

from membership.reports import pictures
from membership.reports.day_names import month_name, short_month_name
from membership.reports.figures import SMALL, Figure
from membership.reports.report import Asked, Behind, Cell, Column, Table, discreet, people
from membership.reports.retention.cohorts import Cohort, survival
from membership.reports.retention.staying import Month

# Of the months after the first, those that a heat map shows; the newest of its cohorts.
AFTER = (*range(13), 18, 24, 30, 36, 48, 60)
MOST_COHORTS = 24
A_YEAR = 12


def survival_table(found: Sequence[Cohort]) -> Table:
    """The curve over all cohorts."""
    columns = (
        Column("months", _("Months"), "count"),
        Column("began", _("Who began so long ago"), "count"),
        Column("give", _("Still give"), "share"),
    )
    curve = survival(found)
    rows = tuple((months, figure.denominator, figure) for months, figure in enumerate(curve))
    table = Table(
        "survival",
        _survival_title(curve),
        columns,
        rows,
        summary=_(
            "Months since the one in which they began. Only who began so long ago counts; where "
            "they are fewer than %(few)d, the curve ends.",
            few=SMALL,
        ),
        behind="#cohorts",
    )
    return replace(table, picture=pictures.line(table, "months", {"give": "coffee"}))


def _survival_title(curve: Sequence[Figure]) -> str:
    after = min(A_YEAR, len(curve) - 1)
    if after < 1:
        return str(_("How many still give, by the months since they began"))
    return str(
        ngettext(
            "Of every 100 who began, %(number)d still give after %(num)d month",
            "Of every 100 who began, %(number)d still give after %(num)d months",
            after,
            number=round(100 * (curve[after].value or 0)),
        )
    )


def cohort_tables(found: Sequence[Cohort], asked: Asked, behind: Behind) -> tuple[Table, ...]:
    """Heat maps of the cohorts that began in the days asked for, by number and by revenue."""
    shown = [each for each in found if each.first_day in asked.period.months][-MOST_COHORTS:]
    after = [each for each in AFTER if each < max((len(each.months) for each in shown), default=0)]
    headings = (Column("cohort", _("Began in"), "month"), Column("began", _("Patrons"), "count"))
    columns = tuple(Column(f"month_{each}", str(each), "share") for each in after)
    links = tuple(behind("began", f"{each.first_day:%Y-%m}") for each in shown)
    of_patrons, of_revenue = _cohort_titles(shown)
    by_number = Table(
        "cohorts",
        of_patrons,
        headings + columns,
        tuple(
            (each.first_day, people(each.began.patrons, asked), *_cells(each, after, asked))
            for each in shown
        ),
        summary=_("Columns: months since the one in which they began."),
        links=links,
    )
    began = Column("began_mrr", _("Began with"), "money")
    by_revenue = Table(
        "cohort_revenue",
        of_revenue,
        (*headings, began, *columns),
        tuple(
            (
                each.first_day,
                each.began.patrons,
                each.began.mrr_minor,
                *_revenue_cells(each, after),
            )
            for each in shown
        ),
        currency=asked.currency,
        summary=_("Columns: months since the one in which they began."),
        links=links,
        of_amounts=True,
    )
    return tuple(
        replace(each, picture=pictures.heat(each, short_month_name))
        for each in (by_number, by_revenue)
    )


def _cells(cohort: Cohort, after: Sequence[int], asked: Asked) -> tuple[Cell, ...]:
    return tuple(
        discreet(cohort.patrons_after(each), asked) if each < len(cohort.months) else None
        for each in after
    )


def _revenue_cells(cohort: Cohort, after: Sequence[int]) -> tuple[Cell, ...]:
    return tuple(
        cohort.revenue_after(each) if each < len(cohort.months) else None for each in after
    )


def _cohort_titles(shown: Sequence[Cohort]) -> tuple[str, str]:
    """By number and by revenue: what is left of the first cohort that has shares."""
    first = next((each for each in shown if each.began.patrons >= SMALL), None)
    if first is None:
        return (
            str(_("How many of those who began in a month still give")),
            str(_("How much of what began in a month still comes")),
        )
    month = month_name(first.first_day)
    patrons, mrr = (
        round(100 * (left.value or 0))
        for left in (first.patrons_after(-1), first.revenue_after(-1))
    )
    return (
        str(
            _(
                "Of every 100 who began in %(month)s, %(number)d still give",
                month=month,
                number=patrons,
            )
        ),
        str(
            _(
                "Of every 100 that began in %(month)s, %(number)d still come each month",
                month=month,
                number=mrr,
            )
        ),
    )


def month_tables(found: Sequence[Month], asked: Asked, behind: Behind) -> tuple[Table, ...]:
    """Who stayed, month by month; and what stayed, with all that moved it."""
    links = tuple(behind("moved", f"{each.first_day:%Y-%m}") for each in found)
    tables = (_patrons_by_month(found, asked), _revenue_by_month(found, asked.currency))
    return tuple(replace(each, links=links) for each in tables)


def _patrons_by_month(found: Sequence[Month], asked: Asked) -> Table:
    rows = tuple(
        (each.first_day, people(each.patrons, asked), each.left, discreet(each.stayed, asked))
        for each in found
    )
    columns = (
        Column("month", _("Month"), "month"),
        Column("start", _("Patrons at its start"), "count"),
        Column("left", _("Left or paused"), "count"),
        Column("stayed", _("Stayed"), "share"),
    )
    table = Table(
        "patron_retention", _("How many patrons stayed through each month"), columns, rows
    )
    return replace(
        table, picture=pictures.line(table, "month", {"stayed": "coffee"}, short_month_name)
    )


def _revenue_by_month(found: Sequence[Month], currency: str) -> Table:
    rows = tuple(
        (
            each.first_day,
            each.mrr,
            each.churn,
            each.contraction,
            each.expansion,
            each.gross,
            each.net,
        )
        for each in found
    )
    columns = (
        Column("month", _("Month"), "month"),
        Column("start", _("MRR at its start"), "money"),
        Column("churn", _("Left or paused"), "money"),
        Column("contraction", _("Gave less"), "money"),
        Column("expansion", _("Gave more"), "money"),
        Column("gross", _("Gross retention"), "share"),
        Column("net", _("Net retention"), "share"),
    )
    table = Table(
        "revenue_retention",
        _("How much of each month’s start was left at its end"),
        columns,
        rows,
        currency=currency,
        of_amounts=True,
    )
    lines = {"gross": "coffee", "net": "good"}
    return replace(table, picture=pictures.line(table, "month", lines, short_month_name))
