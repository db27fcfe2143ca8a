"""What a cell of figures says to the eye and to a spreadsheet."""

from decimal import Decimal

import pytest
from flask import Flask

from membership.reports.figures import Figure
from membership.reports.report import Cell, Column, Table, Unit
from membership.staff.figures import cells


@pytest.mark.parametrize(
    ("cell", "unit", "shown", "told"),
    [
        (-41234, "count", "−41,234", "-41234"),
        (-4150, "money", "−€41.50", "-41.50"),
        (Figure(Decimal("-0.041")), "share", "−4.1%", "-0.041"),
        (Decimal("-0.5"), "ratio", "−0.5", "-0.5"),
        (Decimal(-2), "days", "−2 days", "-2"),
    ],
)
def test_one_sign_below_nought_for_the_eye_and_a_plain_one_in_files(
    app: Flask, cell: Cell, unit: Unit, shown: str, told: str
) -> None:
    table = Table("mrr", "", (Column("it", "It", unit),), ((cell,),), currency="EUR")
    with app.test_request_context():
        assert cells.shown(cell, unit, "EUR") == shown
        assert list(cells.lines(table))[1][0] == told
