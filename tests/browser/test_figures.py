"""What a page of figures says is what its picture, its table and its file say."""

import csv
import json
import re
from datetime import datetime

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.steps import sign_in
from tests.system import System

REPORTS = ("", "retention", "recovery", "acquisition", "participation")
NOTHING = ("–", "hidden: fewer than 5")
PART = re.compile(r"(\d+) of (\d+)")
CELLS = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent.trim()))"


@pytest.fixture
def staff(page: Page, system: System) -> Page:
    sign_in(page, system, "staff@kava.example")
    return page


def test_figures_equal_the_table_equal_the_file(staff: Page) -> None:
    """[D1] [D2] [D3] [D4] [D5] Picture, table and CSV are one, on every page of figures."""
    page, seen = staff, set()
    for report in REPORTS:
        page.goto(f"/staff/{report}")
        for section in page.locator("[data-table]").all():
            key = section.get_attribute("data-table")
            seen.add(key)
            names, *rows = table_of(section)
            if not rows:
                continue
            keys, *lines = file_of(page, section)
            assert [len(line) for line in lines] == [len(keys)] * len(rows), key
            for row, line in zip(rows, lines, strict=True):
                assert all(map(same, row, line)), (key, row, line)
            if key == "currencies":
                tiles_equal(page, keys, rows)
            if section.locator("[data-chart]").count():
                expect(section.locator("canvas").first).to_be_visible()
                picture_equals(section, names, rows)
    assert {"waterfall", "currencies", "cohorts", "survival", "stories"} <= seen


def table_of(section: Locator) -> list[list[str]]:
    """The names of the columns, then the rows, as they are read on the page."""
    cells: list[list[str]] = section.locator("tr").evaluate_all(CELLS)
    return cells or [[]]


def file_of(page: Page, section: Locator) -> list[list[str]]:
    """The keys of the columns, then the lines of the file behind the section's link."""
    address = section.get_by_role("link", name="As CSV").get_attribute("href")
    answer = page.request.get(str(address))
    assert answer.ok, address
    return list(csv.reader(answer.body().decode("utf-8-sig").splitlines()))


def tiles_equal(page: Page, keys: list[str], rows: list[list[str]]) -> None:
    """The large figures are those of their currency's row."""
    currency = page.locator("[name=currency]").input_value()
    (row,) = [row for row in rows if row[0] == currency]
    for key, cell in list(zip(keys, row, strict=True))[1:]:
        assert page.locator(f"[data-figure={key}] .tile-figure").text_content() == cell, key


def picture_equals(section: Locator, names: list[str], rows: list[list[str]]) -> None:
    """What is drawn are the cells of the table, money in whole units."""
    drawn = json.loads(section.locator("script").text_content() or "")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    for series in drawn.get("series", ()):
        cells = columns[series["name"]][: len(drawn["labels"])]
        values = [value_drawn(cell, drawn["unit"]) for cell in cells]
        assert series["values"] == pytest.approx(values, abs=0.51), series["name"]
    if drawn["kind"] == "waterfall":
        values = [number(cell) for cell in columns[names[-1]]]
        assert drawn["values"] == pytest.approx(values, abs=0.51)
        assert sum(drawn["values"][:-1]) == pytest.approx(drawn["values"][-1], abs=len(rows))


def value_drawn(cell: str, unit: str) -> float | None:
    """So many of 1,000 are not drawn of a few, of whom the table says "1 of 3"."""
    return None if unit == "per_mille" and PART.fullmatch(cell) else number(cell)


def same(shown: str, plain: str) -> bool:
    """Whether a cell of the page and one of the file say the same, to the digits shown."""
    if shown in (plain, *NOTHING):
        return plain in (shown, "")
    for form, iso in (("%d %b %Y", "%Y-%m-%d"), ("%b %Y", "%Y-%m")):
        try:
            return datetime.strptime(shown, form).strftime(iso) == plain  # noqa: DTZ007 (a day)
        except ValueError:
            continue
    value = number(shown)
    if value is None or not plain:
        return value is None and not plain
    return abs(float(plain) - value) <= (0.0006 if "%" in shown else 0.051)


def number(shown: str) -> float | None:
    """The value of "−€1,204.50", "58.4%", "3 of 5" or "165 days"; None of "0 of 0" and "–"."""
    if part := PART.fullmatch(shown):
        return int(part[1]) / int(part[2]) if part[2] != "0" else None
    if shown in NOTHING:
        return None
    value = float(re.sub(r"[^\d.]", "", shown)) * (-1 if shown.startswith(("−", "-")) else 1)
    return value / 100 if shown.endswith("%") else value
