"""Where a report and a recomputation disagree."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from membership.reports.figures import Figure
from membership.reports.report import Report, Table

NEAR = Fraction(1, 10**6)
# What stands for a figure that is there and is told to nobody.
HIDDEN = "hidden"
Expected = Mapping[str, Sequence[Mapping[str, Any]]]
# Where the order of rows is one of display: the column by which they are compared.
ORDER = {
    "currencies": "currency",
    "invariant": "currency",
    "decline_codes": "code",
    "joined_currencies": "currency",
    "joined_countries": "code",
    "stories": "reads",
    "asks": "seen",
}


def plain(cell: Any) -> Any:
    return cell.value if isinstance(cell, Figure) else cell


def same(shown: Any, expected: Any) -> bool:
    """The very same, and shares as far as they are shown; hidden is not the same as nothing."""
    if isinstance(shown, Figure) and shown.is_hidden:
        return bool(expected == HIDDEN)
    shown = plain(shown)
    if isinstance(shown, int) and isinstance(expected, int):
        return shown == expected
    if isinstance(shown, int | Decimal) and isinstance(expected, int | float | Fraction):
        return abs(Fraction(shown) - Fraction(expected)) <= NEAR
    return bool(shown == expected)


def of_tiles(report: Report, expected: Mapping[str, Any]) -> list[str]:
    shown = {tile.key: tile.figure for tile in report.tiles}
    return _of_values("tile", shown, expected)


def of_changes(report: Report, expected: Mapping[str, Any]) -> list[str]:
    shown = {tile.key: tile.change for tile in report.tiles if tile.change is not None}
    return _of_values("change of", shown, expected)


def _of_values(what: str, shown: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    return [
        f"{what} {key}: shows {plain(shown.get(key, 'none'))!r}, is {expected.get(key, 'none')!r}"
        for key in sorted(shown.keys() | expected.keys())
        if key not in shown or key not in expected or not same(shown[key], expected[key])
    ]


def of_tables(report: Report, expected: Expected) -> list[str]:
    shown = {table.key: table for table in report.tables}
    found = [
        f"table {key}: only {'shown' if key in shown else 'expected'}"
        for key in sorted(shown.keys() ^ expected.keys())
    ]
    for key in sorted(shown.keys() & expected.keys()):
        found += _of_rows(shown[key], expected[key])
    return found


def _of_rows(table: Table, expected: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    keys = [column.key for column in table.columns]
    rows = [dict(zip(keys, row, strict=True)) for row in table.rows]
    by = ORDER.get(table.key)
    if by is not None:
        rows.sort(key=lambda row: plain(row[by]))
        expected = sorted(expected, key=lambda row: row[by])
    if len(rows) != len(expected):
        yield f"table {table.key}: {len(rows)} rows, {len(expected)} expected"
    numbers = {column.key for column in table.columns if column.unit != "text"}
    for number, (row, wanted) in enumerate(zip(rows, expected, strict=False)):
        # What is expected of no row stands in none: a cell is empty, or it is compared.
        for column in sorted(numbers | wanted.keys()):
            if column not in row:
                yield f"table {table.key}: no column {column}"
            elif not same(row[column], wanted.get(column)):
                yield (
                    f"table {table.key}, row {number}, {column}: "
                    f"shows {plain(row[column])!r}, is {wanted.get(column)!r}"
                )
