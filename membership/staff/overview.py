"""The first page: how we are, and what needs a person now."""

from datetime import date

from flask import render_template, request
from flask_babel import format_date

from membership import clock
from membership.db import transaction
from membership.reports import words
from membership.reports.attention import attention
from membership.reports.definitions import DEFINITIONS
from membership.reports.figures import waterfall
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
        # Amounts of two months beside each other tell what one person gives (rule S10).
        history=_history(chosen) if chosen and sees_all else None,
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


def _history(chosen: CurrencyOverview) -> dict[str, object]:
    """Pictures and tables of the newest months."""
    months = chosen.months[-SHOWN_MONTHS:]
    return {
        "line": pictures.mrr_line(months, chosen.currency, name_of_month),
        "bars": pictures.movement_bars(months, chosen.currency, name_of_month),
        "months": months[::-1],
        "waterfall": waterfall(chosen.this_month),
    }


def name_of_month(first_day: date) -> str:
    return str(format_date(first_day, "LLL yyyy", rebase=False))
