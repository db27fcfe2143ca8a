"""The first page: how we are, and what needs a person now."""

from collections.abc import Callable
from datetime import date

from flask import render_template, request
from flask_babel import format_date

from membership import clock
from membership.db import transaction
from membership.reports import words
from membership.reports.attention import attention
from membership.reports.definitions import DEFINITIONS
from membership.reports.figures import Figure, Month, hide_small_group, waterfall
from membership.reports.overview import CurrencyOverview
from membership.reports.overview import overview as look
from membership.staff import pictures
from membership.staff.room import FINANCE, blueprint
from membership.web import access

SHOWN_MONTHS = 24


@blueprint.get("/")
@access.staff()
def overview() -> str:
    sees_all = access.has_role(*FINANCE)
    with transaction() as session:
        seen = look(session, clock.now().date(), hide_small_groups=not sees_all)
        needs = attention(session)
    chosen = _chosen(seen.currencies, request.args.get("currency", ""))
    return render_template(
        "staff/overview.html",
        seen=seen,
        needs=needs,
        chosen=chosen,
        sees_all=sees_all,
        words=words,
        name_of_month=name_of_month,
        history=_history(chosen, (lambda figure: figure) if sees_all else hide_small_group)
        if chosen
        else None,
    )


@blueprint.get("/figures")
@access.staff()
def figures() -> str:
    """What each figure means."""
    return render_template("staff/figures.html", definitions=DEFINITIONS.values())


def _chosen(currencies: tuple[CurrencyOverview, ...], code: str) -> CurrencyOverview | None:
    """The currency that was asked for, else the one with most patrons."""
    return next(
        (each for each in currencies if each.currency == code),
        currencies[0] if currencies else None,
    )


def _history(chosen: CurrencyOverview, shown: Callable[[Figure], Figure]) -> dict[str, object]:
    """Pictures and tables of the newest months; `shown` withholds what must be."""
    months = chosen.months[-SHOWN_MONTHS:]
    mrr = [shown(Figure(month.mrr, denominator=month.patrons)) for month in months]
    net = [shown(Figure(month.movements.net, denominator=month.moved_patrons)) for month in months]

    def is_shown(month: Month) -> bool:
        return shown(Figure(month.movements.net, denominator=month.moved_patrons)).computable

    now = chosen.this_month
    return {
        "line": pictures.mrr_line(months, mrr, chosen.currency, name_of_month),
        "bars": pictures.movement_bars(months, chosen.currency, name_of_month, is_shown),
        "rows": list(reversed(list(zip(months, mrr, net, strict=True)))),
        "waterfall": waterfall(now) if is_shown(now) else (),
    }


def name_of_month(first_day: date) -> str:
    return str(format_date(first_day, "LLL yyyy", rebase=False))
