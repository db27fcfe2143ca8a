"""What stands on a paper: pure rules."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from membership.billing.papers.facts import (
    Given,
    Return,
    days_of,
    receipt,
    statement,
    unfit_range,
    year_to_announce,
)

KYIV = ZoneInfo("Europe/Kyiv")
TODAY = date(2027, 1, 3)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
YEAR = (date(2026, 1, 1), date(2026, 12, 31))


def given(number: int = 1, **values: Any) -> Given:
    defaults: dict[str, Any] = {
        "id": number, "paid_at": NOON, "purpose": "support", "method": "stripe",
        "reference": None, "minor": 500, "currency": "EUR", "returned_minor": 0,
        "returned_at": None, "returns": (), "is_disputed": False,
    }  # fmt: skip
    return Given(**(defaults | values))


def test_a_donation_belongs_to_the_newsrooms_day() -> None:
    """[B18] Half past ten in the evening in London is the new year in Kyiv."""
    late = given(paid_at=datetime(2026, 12, 31, 22, 30, tzinfo=UTC))
    assert statement([late], *YEAR, KYIV)["gifts"] == []
    (gift,) = statement([late], *YEAR, UTC)["gifts"]
    assert gift["paid_on"] == "2026-12-31"
    (gift,) = statement([late], date(2027, 1, 1), date(2027, 1, 1), KYIV)["gifts"]
    assert gift["paid_on"] == "2027-01-01"


def test_currencies_are_never_added_up() -> None:
    """[B18] A sum for each, none over all."""
    found = statement([given(1), given(2), given(3, currency="UAH", minor=9000)], *YEAR, KYIV)
    assert found["sums"] == [
        {"currency": "EUR", "given_minor": 1000, "returned_minor": 0, "kept_minor": 1000},
        {"currency": "UAH", "given_minor": 9000, "returned_minor": 0, "kept_minor": 9000},
    ]


def test_what_was_given_back_is_taken_off_and_shown() -> None:
    """[B18] Each return by itself, also one of after the statement's days."""
    returns = (
        Return(NOON + timedelta(days=300), 50),
        Return(NOON + timedelta(days=1), 100),
    )
    found = statement([given(returned_minor=150, returns=returns)], *YEAR, KYIV)
    assert found["gifts"][0]["returns"] == [
        {"on": "2026-03-03", "amount_minor": 100},
        {"on": "2026-12-27", "amount_minor": 50},
    ]
    assert found["sums"][0]["kept_minor"] == 350


def test_returns_that_do_not_add_up_stand_as_one() -> None:
    """[B18] What Stripe says was given back in all decides, not how many rows we have of it."""
    old = given(returned_minor=500, returned_at=NOON, returns=(Return(NOON, 200),))
    found = receipt(old, KYIV)
    assert found["gifts"][0]["returns"] == [{"on": "2026-03-02", "amount_minor": 500}]
    assert found["sums"][0] == {
        "currency": "EUR", "given_minor": 500, "returned_minor": 500, "kept_minor": 0,
    }  # fmt: skip


def test_disputed_money_is_not_counted() -> None:
    """[B18] It stands on the paper all the same, so that nobody wonders."""
    found = statement([given(1), given(2, currency="USD", is_disputed=True)], *YEAR, KYIV)
    assert [gift["is_disputed"] for gift in found["gifts"]] == [False, True]
    assert [each["currency"] for each in found["sums"]] == ["EUR"]


def test_the_oldest_stands_first() -> None:
    """[B18] In the order of payment, whatever the order of the rows."""
    found = statement([given(1), given(2, paid_at=NOON - timedelta(days=1))], *YEAR, KYIV)
    assert [gift["donation"] for gift in found["gifts"]] == [2, 1]


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        (date(2026, 1, 1), date(2026, 12, 31), None),
        (date(2026, 5, 5), date(2026, 5, 5), None),
        (date(2026, 5, 5), date(2026, 5, 4), "backwards"),
        (date(2026, 1, 1), date(2027, 1, 2), None),
        (date(2026, 1, 1), date(2027, 1, 3), "not over"),
        (date(2017, 1, 3), date(2027, 1, 2), None),
        (date(2017, 1, 2), date(2027, 1, 2), "too long"),
        (date(2016, 2, 29), date(2026, 2, 28), None),
        (date(2016, 2, 29), date(2026, 3, 1), "too long"),
        (date(1, 1, 1), date(9999, 12, 31), "not over"),
    ],
)
def test_which_days_a_statement_can_cover(first: date, last: date, why: str | None) -> None:
    """[B18] Any range of ten years at most whose days are over."""
    assert unfit_range(first, last, TODAY) == why


def test_a_year_has_all_of_its_days() -> None:
    """[B18] As tax offices ask about it."""
    assert days_of(2026) == YEAR


@pytest.mark.parametrize(
    ("today", "year"),
    [
        (date(2027, 1, 1), None),
        (date(2027, 1, 4), None),
        (date(2027, 1, 5), 2026),
        (date(2027, 3, 31), 2026),
        (date(2027, 4, 1), None),
        (date(2027, 12, 31), None),
    ],
)
def test_a_year_is_told_of_early_in_the_next(today: date, year: int | None) -> None:
    """[B18] When it is complete, and until nobody waits for it any more."""
    assert year_to_announce(today) == year


def test_statements_side_by_side_tell_of_each_donation_once() -> None:
    """[B18] No day, no donation and no return falls between two ranges or into both."""
    donations = [
        given(number, paid_at=NOON + timedelta(hours=7 * number), returned_minor=number)
        for number in range(60)
    ]
    whole = statement(donations, *YEAR, KYIV)["sums"][0]
    cut = date(2026, 3, 10)
    parts = [
        statement(donations, YEAR[0], cut, KYIV)["sums"][0],
        statement(donations, cut + timedelta(days=1), YEAR[1], KYIV)["sums"][0],
    ]
    for part in ("given_minor", "returned_minor", "kept_minor"):
        assert sum(each[part] for each in parts) == whole[part]


def test_a_zone_of_minutes() -> None:
    """[B18] The day is the zone's, also where it is off by half an hour."""
    kolkata = timezone(timedelta(hours=5, minutes=30))
    late = given(paid_at=datetime(2026, 3, 2, 18, 30, tzinfo=UTC))
    assert receipt(late, kolkata)["gifts"][0]["paid_on"] == "2026-03-03"
