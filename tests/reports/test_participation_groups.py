"""The rules of small groups, of bands and of months, without a database."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.reports.participation.groups import AMOUNTS, Group, amount_band, months_after, shown

counts = st.integers(0, 30)
groups = st.builds(lambda voters, others: Group(voters + others, voters), counts, counts)


@pytest.mark.parametrize(
    ("group", "is_small"),
    [
        (Group(), False),
        (Group(4, 0), True),
        (Group(5, 0), False),
        (Group(9, 4), True),
        (Group(9, 5), True),
        (Group(10, 5), False),
        (Group(5, 5), False),
    ],
)
def test_a_group_is_small_when_it_or_a_part_of_it_is(group: Group, is_small: bool) -> None:
    """[S10] Patrons, voters, and those who did not vote."""
    assert group.is_small is is_small


@given(st.dictionaries(st.integers(0, 8), groups))
def test_what_is_hidden_cannot_be_told_from_the_rest(whole: dict[int, Group]) -> None:
    """[S10] Shown is no small group; what is left out is no single group, and small in no way."""
    seen = shown(whole)
    assert not any(group.is_small for group in seen.values())
    left_out = [group for key, group in whole.items() if key not in seen]
    if left_out and any(group.patrons for group in seen.values()):
        assert len(left_out) > 1
        assert not sum(left_out, Group()).is_small


def test_nothing_is_hidden_without_need() -> None:
    whole = {"a": Group(10, 5), "b": Group(20, 10), "c": Group()}
    assert shown(whole) == whole
    assert shown(whole | {"d": Group(2, 1)}).keys() == {"b", "c"}


@pytest.mark.parametrize(
    ("major", "band"),
    [("0.5", 0), ("4.99", 0), ("5", 5), ("49.999", 20), ("50", 50), ("1000", 1000), ("9e6", 1000)],
)
def test_the_band_of_an_amount(major: str, band: int) -> None:
    assert amount_band(Decimal(major)) == band
    assert band in AMOUNTS


@pytest.mark.parametrize(
    ("months", "there"),
    [(3, (2027, 2, 28)), (6, (2027, 5, 30)), (12, (2027, 11, 30)), (-9, (2026, 2, 28))],
)
def test_months_after_the_last_day_of_a_month(months: int, there: tuple[int, int, int]) -> None:
    assert months_after(datetime(2026, 11, 30, 9, tzinfo=UTC), months) == datetime(
        *there, 9, tzinfo=UTC
    )
