"""Figures say what they rest on, and hide what is about few people."""

from datetime import date
from decimal import Decimal

import pytest

from membership.reports.figures import Figure, average, hide_small_group
from membership.reports.periods import Period, months_later


def test_nothing_of_nobody_is_not_computable() -> None:
    assert average(0, 0) == Figure(None, computable=False, denominator=0)


def test_nothing_of_three_is_shown_as_such() -> None:
    assert average(0, 3) == Figure(Decimal(0), denominator=3)


def test_an_average_is_whole_minor_units() -> None:
    assert average(1000, 3).value == 333


@pytest.mark.parametrize(("people", "shown"), [(0, True), (1, False), (4, False), (5, True)])
def test_amounts_of_fewer_than_five_people_are_hidden(people: int, shown: bool) -> None:
    """[S10]"""
    figure = hide_small_group(Figure(1200, denominator=people))
    assert figure.computable is shown
    assert figure.is_hidden is not shown
    assert figure.value == (1200 if shown else None)
    assert figure.denominator == people


def test_december_is_followed_by_january() -> None:
    assert months_later(date(2026, 12, 1), 1) == date(2027, 1, 1)


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        (date(2026, 2, 1), date(2026, 4, 30), [2, 3, 4]),
        (date(2026, 2, 2), date(2026, 4, 29), [3]),
        (date(2026, 2, 1), date(2026, 2, 27), []),
        (date(2026, 12, 1), date(2026, 12, 31), [12]),
        (date(2026, 3, 5), date(2026, 3, 5), []),
    ],
)
def test_whole_months(first: date, last: date, months: list[int]) -> None:
    assert [month.month for month in Period(first, last).whole_months] == months
