"""A cell of a report, for the eye and for a spreadsheet: the same value twice."""

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from membership.money import Money
from membership.reports.day_names import day_name, short_month_name
from membership.reports.figures import SMALL, Figure, part_of
from membership.reports.report import Cell, Table, Unit
from membership.web.pages import show_money, show_number, show_share
from membership.web.spreadsheet import plain_text

NOTHING = "–"
DAY = Decimal("0.1")
SHARES = ("share", "per_mille")


def shown(cell: Cell, unit: Unit, currency: str = "") -> str:
    """For the eye, in the page's language."""
    if isinstance(cell, Figure):
        if cell.is_hidden:
            return str(_("hidden: fewer than 5"))
        if unit in SHARES and cell.denominator is not None and cell.denominator < SMALL:
            return str(_("%(part)d of %(whole)d", part=part_of(cell), whole=cell.denominator))
        return shown(cell.value, unit, currency)
    if cell is None or cell == "":
        return NOTHING
    return _text(cell, unit, currency)


def _text(cell: Any, unit: Unit, currency: str) -> str:
    match unit:
        case "money":
            return show_money(int(cell), currency)
        case "share":
            return show_share(cell)
        case "per_mille":
            return show_number((cell * 1000).quantize(DAY, ROUND_HALF_EVEN))
        case "count":
            return show_number(cell)
        case "ratio":
            return show_number(cell.quantize(DAY, ROUND_HALF_EVEN))
        case "days":
            days = Decimal(cell).quantize(DAY).normalize()
            number = int(days) if days == days.to_integral_value() else 2
            return str(ngettext("%(days)s day", "%(days)s days", number, days=show_number(days)))
        case "day":
            return day_name(cell)
        case "month":
            return short_month_name(cell)
    return str(cell)


def lines(table: Table) -> Iterator[list[str]]:
    """The rows of its CSV: keys, then cells as every program reads them.

    Money is in major units beside its currency; what is hidden or cannot be computed is empty.
    """
    own = "currency" not in {column.key for column in table.columns} and bool(table.currency)
    yield [column.key for column in table.columns] + ["currency"] * own
    for row in table.rows:
        currency = currency_of(table, row)
        cells = zip(row, table.columns, strict=True)
        yield [_plain(cell, column.unit, currency) for cell, column in cells] + [currency] * own


def currency_of(table: Table, row: tuple[Cell, ...]) -> str:
    """The currency of a row's money."""
    keys = [column.key for column in table.columns]
    return str(row[keys.index("currency")]) if "currency" in keys else table.currency


def _plain(cell: Cell, unit: Unit, currency: str) -> str:
    if isinstance(cell, Figure):
        cell = cell.value
    if cell is None:
        return ""
    if unit == "money" and isinstance(cell, int | Decimal):
        return f"{Money(int(cell), currency).major:f}"
    if unit == "month" and isinstance(cell, date):
        return cell.strftime("%Y-%m")
    if unit == "per_mille":
        cell *= 1000  # type: ignore[operator]
    if isinstance(cell, Decimal):
        return f"{cell.quantize(Decimal('0.0001')).normalize():f}"
    return plain_text(str(cell)) if unit == "text" else str(cell)
