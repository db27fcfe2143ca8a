"""CSV for spreadsheets: RFC 4180, UTF-8 with the mark that Excel asks for."""

import csv
import io
from collections.abc import Iterable
from typing import Any

# A spreadsheet takes text that begins like this for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
MARK = "\ufeff"


def rows_of(rows: Iterable[Iterable[Any]]) -> str:
    """Lines of CSV, without the mark; None is an empty cell. Text is written as it is."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def file_of(rows: Iterable[Iterable[Any]]) -> bytes:
    """A whole file, the first row of which heads the others."""
    return (MARK + rows_of(rows)).encode()


def plain_text(cell: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
