"""Pure arithmetic of cohorts and of what a patron is worth."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from membership.reports.figures import Figure
from membership.reports.retention.cohorts import (
    Change,
    Standing,
    cohorts,
    lifetime_value,
    ratio,
    survival,
    three_year_value,
)

JANUARY, FEBRUARY, MARCH, APRIL = (date(2026, month, 1) for month in (1, 2, 3, 4))
CHANGES = (
    Change(JANUARY, JANUARY, 4, 2000, 4, 2000),
    Change(JANUARY, MARCH, 0, 0, -1, -500),
    Change(FEBRUARY, FEBRUARY, 2, 800, 1, 400),
    Change(APRIL, APRIL, 9, 3600, 9, 3600),
)


def test_gaps_are_filled_and_what_is_not_over_is_left_out() -> None:
    """[D2] A month in which nothing changed stands as the one before; one that runs does not."""
    january, february = cohorts(CHANGES, MARCH)
    assert january.months == (Standing(4, 2000), Standing(4, 2000), Standing(3, 1500))
    assert february.months == (Standing(1, 400), Standing(1, 400))
    assert january.patrons_after(2) == Figure(Decimal("0.75"), denominator=4)
    assert january.revenue_after(2) == Figure(Decimal("0.75"))
    # Whoever came and went in one month began all the same.
    assert february.patrons_after(0) == Figure(Decimal("0.5"), denominator=2)


def test_only_cohorts_that_are_old_enough_are_in_the_curve() -> None:
    """[D2] And each point says how many patrons it rests on; it ends where they are few."""
    tenfold = [
        replace(each, began_patrons=each.began_patrons * 10, patrons=each.patrons * 10)
        for each in CHANGES
    ]
    curve = survival(cohorts(tenfold, MARCH))
    assert [(figure.value, figure.denominator) for figure in curve] == [
        (Decimal(5) / 6, 60),
        (Decimal(5) / 6, 60),
        (Decimal("0.75"), 40),
    ]
    few = (Change(JANUARY, JANUARY, 19, 400, 19, 400), Change(FEBRUARY, FEBRUARY, 1, 20, 0, 0))
    assert [figure.denominator for figure in survival(cohorts(few, APRIL))] == [20, 20, 20]
    assert survival(cohorts(CHANGES, MARCH)) == survival(()) == ()


def test_a_share_of_nothing_cannot_be_computed() -> None:
    """[D2] Nothing is divided by nought."""
    assert ratio(0, 0) == Figure(None, computable=False)
    assert ratio(750, 1000) == Figure(Decimal("0.75"))


def test_what_a_patron_is_worth() -> None:
    """[D2] LTV = ARPU × margin / churn; where nobody leaves there is none, but three years are."""
    terms = Fraction(500), Fraction(9, 10)
    assert lifetime_value(*terms, Fraction(1, 20)) == 9000
    assert lifetime_value(*terms, Fraction(0)) is None
    assert three_year_value(*terms, Fraction(0)) == 36 * 450
    assert three_year_value(*terms, Fraction(1)) == 450
    by_month = sum(Fraction(450) * Fraction(19, 20) ** month for month in range(36))
    assert three_year_value(*terms, Fraction(1, 20)) == round(by_month)


@given(st.fractions(0, 1), st.fractions(0, 1), st.integers(0, 100_000))
def test_three_years_are_never_worth_more_than_a_life(
    churn: Fraction, margin: Fraction, arpu: int
) -> None:
    """[D2] Nor more than 36 months of one who stays."""
    three_years = three_year_value(Fraction(arpu), margin, churn)
    whole = lifetime_value(Fraction(arpu), margin, churn)
    assert 0 <= three_years <= 36 * arpu
    assert whole is None or three_years <= whole
