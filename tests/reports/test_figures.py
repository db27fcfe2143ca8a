"""The arithmetic of dashboards, against hand-computed cases and for any month."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.reports.figures import (
    Figure,
    Month,
    Movements,
    average,
    hide_small_group,
    series,
    waterfall,
)
from membership.reports.periods import months_later

SMALL = st.integers(-10_000, 10_000)
MONTHS = st.lists(
    st.builds(
        Month,
        first_day=st.dates(date(2020, 1, 1), date(2030, 12, 31)).map(
            lambda day: day.replace(day=1)
        ),
        movements=st.builds(Movements, SMALL, SMALL, SMALL, SMALL, SMALL, SMALL),
        new_patrons=st.integers(0, 50),
        lost_patrons=st.integers(0, 50),
    ),
    max_size=20,
    unique_by=lambda month: month.first_day,
)
LATEST = date(2031, 1, 15)


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


def test_a_month_by_hand() -> None:
    """[D1] A patron of 4 € joins in January, one of 10 € in February, and the first leaves."""
    january = Month(date(2026, 1, 1), Movements(new=400), new_patrons=1)
    march = Month(
        date(2026, 3, 1),
        Movements(new=1000, expansion=100, churn_voluntary=-500),
        new_patrons=1,
        lost_patrons=1,
    )
    first, gap, last = series([january, march], date(2026, 3, 9))
    assert (first.start, first.mrr, first.patrons) == (0, 400, 1)
    assert (gap.first_day, gap.start, gap.mrr, gap.patrons) == (date(2026, 2, 1), 400, 400, 1)
    assert (last.start, last.mrr, last.patrons) == (400, 1000, 1)
    assert waterfall(last) == (
        ("start", 400),
        ("new", 1000),
        ("expansion", 100),
        ("reactivation", 0),
        ("contraction", 0),
        ("churn_voluntary", -500),
        ("churn_involuntary", 0),
        ("end", 1000),
    )


def test_no_month_at_all_is_this_month_with_nothing() -> None:
    assert series([], date(2026, 3, 9)) == (Month(date(2026, 3, 1)),)


def test_december_is_followed_by_january() -> None:
    assert months_later(date(2026, 12, 1), 1) == date(2027, 1, 1)


@given(MONTHS)
def test_movements_sum_to_the_end_of_any_series(months: list[Month]) -> None:
    whole = series(sorted(months, key=lambda month: month.first_day), LATEST)
    assert whole[-1].mrr == sum(month.movements.net for month in months)
    assert whole[-1].patrons == sum(month.new_patrons - month.lost_patrons for month in months)
    assert whole[-1].first_day == LATEST.replace(day=1)
    for before, after in pairwise(whole):
        assert after.first_day == months_later(before.first_day, 1)
        assert after.start == before.mrr


@given(MONTHS)
def test_every_waterfall_ends_where_it_says(months: list[Month]) -> None:
    """[D1]"""
    for month in series(sorted(months, key=lambda month: month.first_day), LATEST):
        *steps, (_, end) = waterfall(month)
        assert sum(amount for _, amount in steps) == end
