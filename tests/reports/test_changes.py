"""The arithmetic of the overview, by hand and for any history."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from membership.reports.overview import cash
from membership.reports.overview.changes import Book, Changes, Movements
from membership.reports.overview.glance import twelve_months
from membership.reports.periods import Period

AMOUNT = st.integers(-10_000, 10_000)
DAYS = st.dates(date(2024, 1, 1), date(2026, 12, 31))
PIECES = st.lists(
    st.tuples(
        DAYS,
        st.builds(
            Changes,
            movements=st.builds(Movements, AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT),
            new_patrons=st.integers(0, 50),
            lost_patrons=st.integers(0, 50),
        ),
    ),
    max_size=30,
    unique_by=lambda piece: piece[0],
)
SPANS = st.tuples(DAYS, DAYS).map(sorted).map(lambda days: Period(*days))


def test_three_months_by_hand() -> None:
    """[D1] A patron of 4 € joins in January, one of 10 € in March, and the first leaves."""
    book = Book(
        (
            (date(2026, 1, 5), Changes(Movements(new=400), new_patrons=1)),
            (
                date(2026, 3, 2),
                Changes(
                    Movements(new=1000, expansion=100, churn_voluntary=-500),
                    new_patrons=1,
                    lost_patrons=1,
                ),
            ),
        )
    )
    february = Period(date(2026, 2, 1), date(2026, 2, 28))
    assert (book.mrr(february.last_day), book.patrons(february.last_day)) == (400, 1)
    assert book.changed(february) == Changes()
    assert book.waterfall(Period(date(2026, 3, 1), date(2026, 3, 31))) == (
        ("start", 400),
        ("new", 1000),
        ("expansion", 100),
        ("reactivation", 0),
        ("contraction", 0),
        ("churn_voluntary", -500),
        ("churn_involuntary", 0),
        ("end", 1000),
    )


def test_what_rates_did_is_a_step() -> None:
    """[D1] 90 ₴ at 45 ₴ a euro are 2 €; at 50 ₴ a euro, 2.70 ₴ more are 0.05 €."""
    book = Book(
        ((date(2026, 3, 5), Changes(Movements(expansion=Decimal("5.4")))),),
        {date(2026, 2, 28): Decimal(200), date(2026, 3, 31): Decimal("185.4")},
    )
    steps = book.waterfall(Period(date(2026, 3, 1), date(2026, 3, 31)))
    assert dict(steps) == {
        "start": 200,
        "new": 0,
        "expansion": 5,
        "reactivation": 0,
        "contraction": 0,
        "churn_voluntary": 0,
        "churn_involuntary": 0,
        "rates": -20,
        "end": 185,
    }


@given(PIECES, SPANS)
def test_every_waterfall_ends_where_it_says(
    pieces: list[tuple[date, Changes]], span: Period
) -> None:
    """[D1] Of any days."""
    book = Book(tuple(sorted(pieces, key=lambda piece: piece[0])))
    *steps, (_, end) = book.waterfall(span)
    assert sum(amount for _, amount in steps) == end == book.mrr(span.last_day)


@given(PIECES, DAYS)
def test_a_month_begins_as_the_one_before_ended(
    pieces: list[tuple[date, Changes]], last_day: date
) -> None:
    """[D1]"""
    book = Book(tuple(pieces))
    months = [month for month, _before in twelve_months(last_day)]
    for before, after in pairwise(months):
        assert before.last_day + timedelta(days=1) == after.first_day
        assert book.waterfall(after)[0][1] == book.mrr(before.last_day)


def test_a_month_stands_beside_its_own_days_of_the_year_before() -> None:
    *_, (february, of_2024), (march, before) = twelve_months(date(2025, 3, 9))
    assert (february.last_day, of_2024.last_day) == (date(2025, 2, 28), date(2024, 2, 29))
    assert (march.last_day, before.last_day) == (date(2025, 3, 9), date(2024, 3, 9))


def test_renewals_are_measured_in_three_whole_months() -> None:
    """[D6] None of them runs still."""
    assert cash.measured(date(2026, 3, 31)) == Period(date(2025, 12, 1), date(2026, 2, 28))
    assert cash.measured(date(2026, 3, 1)) == Period(date(2025, 12, 1), date(2026, 2, 28))
