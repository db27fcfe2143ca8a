"""What js/chart.js draws of a table: the same cells, coarser. Pure.

Money is drawn in whole major units; None where there is nothing to show. A tone is the name of a
colour of the stylesheet: coffee, ember, good, bad, warning, muted, edge, ink.
"""

from collections.abc import Callable, Mapping, Sequence
from textwrap import shorten
from typing import Any

from membership.money import Money
from membership.reports.figures import SMALL, Figure
from membership.reports.report import Cell, Table

Picture = Mapping[str, Any]
Label = Callable[[Any], str]
# Letters of what a bar that lies is called.
LONGEST_NAME = 60


def line(table: Table, along: str, lines: Mapping[str, str], label: Label = str) -> Picture:
    """`lines`: keys of columns, each with a tone; `along`: the key of the column below."""
    return _series("line", table, along, lines, label)


def bars(table: Table, along: str, columns: Mapping[str, str], label: Label = str) -> Picture:
    """Bars beside each other."""
    return _series("bar", table, along, columns, label)


def across(table: Table, along: str, columns: Mapping[str, str]) -> Picture:
    """Bars that lie below each other, beside what they are called, shortened where it is long."""
    return _series("across", table, along, columns, _shortened)


def stacked(table: Table, along: str, columns: Mapping[str, str], label: Label = str) -> Picture:
    """Gains upwards, losses downwards, on top of each other."""
    return _series("stacked", table, along, columns, label)


def waterfall(table: Table, step: str, amount: str, tones: Sequence[str]) -> Picture:
    """The first and the last row stand on the ground, the others between them; a tone each."""
    unit = _unit(table, amount)
    return {
        "kind": "waterfall",
        "unit": unit,
        "labels": [str(cell) for cell in table.column(step)],
        "values": [_drawn(cell, unit) for cell in table.column(amount)],
        "tones": list(tones),
    }


def heat(table: Table, label: Label = str) -> Picture:
    """The first column names the rows; every column of shares after it is drawn, from 0 to 1."""
    shares = [column for column in table.columns if column.unit == "share"]
    return {
        "kind": "heat",
        "unit": "share",
        "rows": [label(row[0]) for row in table.rows],
        "labels": [str(column.name) for column in shares],
        "values": [
            [_drawn(cell, "share") for cell in cells]
            for cells in zip(*(table.column(column.key) for column in shares), strict=True)
        ],
    }


def _series(
    kind: str, table: Table, along: str, columns: Mapping[str, str], label: Label
) -> Picture:
    names = {column.key: str(column.name) for column in table.columns}
    unit = _unit(table, next(iter(columns)))
    return {
        "kind": kind,
        "unit": unit,
        "labels": [label(cell) for cell in table.column(along)],
        "series": [
            {
                "name": names[key],
                "tone": tone,
                "values": [_drawn(cell, unit) for cell in table.column(key)],
            }
            for key, tone in columns.items()
        ],
    }


def _unit(table: Table, key: str) -> str:
    """A currency, "share", "per_mille", or nothing for what is counted."""
    (unit,) = {column.unit for column in table.columns if column.key == key}
    return table.currency if unit == "money" else unit if unit in ("share", "per_mille") else ""


def _shortened(name: Any) -> str:
    return shorten(str(name), LONGEST_NAME, placeholder=" …")


def _drawn(cell: Cell, unit: str) -> float | int | None:
    if isinstance(cell, Figure):
        # So many of 1,000 are not drawn of a few: the table says "1 of 3".
        is_of_few = cell.denominator is not None and cell.denominator < SMALL
        cell = None if unit == "per_mille" and is_of_few else cell.value
    if cell is None or isinstance(cell, str):
        return None
    if unit == "share":
        return round(float(cell), 4)  # type: ignore[arg-type]
    if unit == "per_mille":
        return round(1000 * float(cell), 1)  # type: ignore[arg-type]
    if unit:
        return int(Money(int(cell), unit).major.to_integral_value())  # type: ignore[arg-type]
    return float(cell)  # type: ignore[arg-type]
