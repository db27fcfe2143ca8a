"""Reading tables that other programs wrote: CSV of any order, case, delimiter and mark.

Rows come one by one, so that a large file needs no large memory.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

# Of a cell; a file that is no table has longer ones.
LONGEST_HEADING = 200


class UnreadableFileError(ValueError):
    """The file is not the export that it should be: a reason of words.FAILED, and what it is of."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} {detail}".strip())


@dataclass(frozen=True)
class Column:
    """`field` is our word for it, `headings` what exports call it, in small letters."""

    field: str
    headings: tuple[str, ...]
    is_needed: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a file: its number, and its cells by our words; what is not there is empty."""

    line: int
    cells: Mapping[str, str]
    is_shifted: bool = False

    def __getitem__(self, field: str) -> str:
        return self.cells.get(field, "")


@dataclass(frozen=True)
class Table:
    """`mapping` says of each heading which of our words it became; None: it is not looked at."""

    mapping: tuple[tuple[str, str | None], ...]
    rows: Iterator[Row]


def read(file: BinaryIO, columns: Sequence[Column]) -> Table:
    """The table in `file`. Raises UnreadableFileError, here or when a row is taken from it."""
    lines = _lines(file)
    first = next(lines, "").removeprefix("\ufeff")
    try:
        headings = next(csv.reader([first], delimiter=_delimiter(first)), [])
    except csv.Error as error:
        raise UnreadableFileError("line", f"1 ({error})") from error
    mapping = _mapping([each.strip() for each in headings], columns)
    found = {field for _heading, field in mapping}
    missing = [each.headings[0] for each in columns if each.is_needed and each.field not in found]
    if missing:
        quoted = ", ".join(f"“{each}”" for each in missing)
        raise UnreadableFileError("no_column", quoted)
    return Table(mapping, _rows(lines, _delimiter(first), mapping))


def _mapping(
    headings: Sequence[str], columns: Sequence[Column]
) -> tuple[tuple[str, str | None], ...]:
    """The first heading that fits a column is it; a second one of the same name is left alone."""
    by_heading = {heading: each.field for each in columns for heading in each.headings}
    taken: set[str] = set()
    mapping = []
    for heading in headings:
        field = by_heading.get(_plain(heading))
        if field in taken:
            field = None
        if field is not None:
            taken.add(field)
        mapping.append((heading[:LONGEST_HEADING], field))
    return tuple(mapping)


def _lines(file: BinaryIO) -> Iterator[str]:
    """The file's lines, one by one."""
    try:
        for line in file:
            yield line.decode()
    except UnicodeDecodeError as error:
        raise UnreadableFileError("encoding") from error


def _rows(
    lines: Iterator[str], delimiter: str, mapping: Sequence[tuple[str, str | None]]
) -> Iterator[Row]:
    rows = csv.reader(lines, delimiter=delimiter)
    fields = [field for _heading, field in mapping]
    try:
        for cells in rows:
            if not any(each.strip() for each in cells):
                continue
            pairs = zip(fields, cells, strict=False)
            told = {field: _tidy(cell) for field, cell in pairs if field is not None}
            # Something in it was taken for a delimiter: no cell is what its heading says.
            is_shifted = any(each.strip() for each in cells[len(fields) :])
            # The heading was read before.
            yield Row(rows.line_num + 1, told, is_shifted)
    except csv.Error as error:
        raise UnreadableFileError("line", f"{rows.line_num + 1} ({error})") from error


def _delimiter(first: str) -> str:
    """What spreadsheets of some countries write instead of a comma."""
    return max(",;\t", key=first.count)


def _plain(heading: str) -> str:
    return " ".join(heading.replace("_", " ").replace("-", " ").split()).lower()


def _tidy(cell: str) -> str:
    return " ".join(cell.replace("\0", "").split())
