"""What is drawn of a table are its own cells."""

from decimal import Decimal

from membership.reports import pictures
from membership.reports.figures import Figure, share
from membership.reports.report import Cell, Column, Table

COLUMNS = (Column("ask", "Wording", "text"), Column("paid", "Paid, of 1,000", "per_mille"))


def drawn(*rows: tuple[Cell, ...]) -> pictures.Picture:
    return pictures.across(Table("asks", "Asks", COLUMNS, rows), "ask", {"paid": "coffee"})


def test_so_many_of_a_thousand_are_drawn_as_they_stand_in_the_table() -> None:
    """[D4] And none of a few, of whom the table says "1 of 3"."""
    hidden = Figure(None, computable=False, denominator=3)
    rows: list[Figure | Decimal | None] = [
        share(10, 1000), Decimal("0.00544"), share(1, 3), hidden, None
    ]  # fmt: skip
    picture = drawn(*(("A wording", cell) for cell in rows))
    assert (picture["kind"], picture["unit"]) == ("across", "per_mille")
    assert picture["series"][0]["values"] == [10.0, 5.4, None, None, None]


def test_a_long_name_is_shortened_between_words() -> None:
    (label,) = drawn(("Why the city " + "never " * 20, None))["labels"]
    assert label.startswith("Why the city never")
    assert label.endswith("never …")
    assert len(label) <= 60
