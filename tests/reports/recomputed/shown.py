"""What stands on a page of figures, and whether it is what the CSV says."""

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from lxml import html

from tests.reports.recomputed.compare import HIDDEN

OF = re.compile(r"(\d+) of (\d+)")
MONEY = re.compile("[€$£¥₴]|[A-Z]{3}")
WITHHELD = "hidden: fewer than 5"
NOTHING = ("–", "", "0 of 0", WITHHELD)
# Shares are shown to a tenth of a hundredth, or of a thousandth.
ROUNDED = Decimal("0.051")


def tables(page: bytes) -> dict[str, list[list[str]]]:
    """The rows of each table, by its key."""
    found = {}
    for figure in html.fromstring(page.decode()).xpath("//figure[@data-table]"):
        rows = figure.xpath(".//tbody/tr")
        found[figure.get("data-table")] = [[_text(cell) for cell in row] for row in rows]
    return found


def tiles(page: bytes) -> dict[str, str]:
    found = html.fromstring(page.decode()).xpath("//*[@data-figure]")
    return {
        tile.get("data-figure"): _text(tile.xpath(".//dd[@class='tile-figure']")[0])
        for tile in found
    }


def csv_links(page: bytes) -> dict[str, str]:
    """Where each table is had as CSV."""
    found = html.fromstring(page.decode()).xpath("//figure[@data-table]")
    return {each.get("data-table"): each.xpath(".//a[contains(@href, '.csv')]/@href")[0]
            for each in found}  # fmt: skip


def csv_rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1:]


def unlike(shown: list[list[str]], told: list[list[str]]) -> Iterable[str]:
    """Cells that do not say the same; the CSV may have a column more, of the currency."""
    if len(shown) != len(told):
        yield f"{len(shown)} rows shown, {len(told)} in the CSV"
    for row, line in zip(shown, told, strict=False):
        if len(line) - len(row) not in (0, 1):
            yield f"{row} is shown, {line} is in the CSV"
        for cell, value in zip(row, line, strict=False):
            if not says(cell, value):
                yield f"{cell!r} is shown, {value!r} is in the CSV, of {line}"


def says(cell: str, value: str) -> bool:
    """Whether the eye sees what a spreadsheet reads."""
    if value == "":
        return cell in NOTHING
    for written, read in (("%b %Y", "%Y-%m"), ("%d %b %Y", "%Y-%m-%d")):
        try:
            return datetime.strptime(cell, written) == datetime.strptime(value, read)  # noqa: DTZ007
        except ValueError:
            continue
    return cell == value or _is(cell, value)


def tells(cell: str, value: Any, digits: int) -> bool:
    """Whether a tile tells a value, of which money has so many digits behind the point."""
    if value == HIDDEN:
        return cell == WITHHELD
    if value is None:
        return cell in NOTHING
    wanted = Fraction(value)
    shown, slack = number(cell)
    if MONEY.search(cell):
        wanted /= 10**digits
    return abs(Fraction(shown) - wanted) <= Fraction(slack)


def _is(cell: str, value: str) -> bool:
    try:
        wanted = Decimal(value)
    except ArithmeticError:
        return False
    shown, slack = number(cell)
    if OF.fullmatch(cell):
        # A share as such, or as so many of 1,000.
        return min(abs(shown - wanted), abs(shown * 1000 - wanted)) <= slack
    if "." in value and not MONEY.search(cell):
        slack = slack or ROUNDED
    return abs(shown - wanted) <= slack


def number(cell: str) -> tuple[Decimal, Decimal]:
    """As it was before it was made readable, and how far it may be rounded."""
    parts = OF.fullmatch(cell)
    if parts:
        return Decimal(parts[1]) / int(parts[2]), Decimal("0.0001")
    digits = Decimal(re.sub(r"[^\d.-]", "", cell.replace("−", "-")))
    if cell.endswith("%"):
        return digits / 100, ROUNDED / 100
    return digits, Decimal()


def _text(element: Any) -> str:
    return " ".join(element.text_content().split())
