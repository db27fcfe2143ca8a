"""When a week's letter and a month's digest are due."""

from datetime import date, datetime

import pytest

from membership.newsletter.periods import month_due, week_due
from tests.newsletter.steps import KYIV


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=KYIV)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-20T23:59", None),
        ("2026-11-21T07:59", None),
        ("2026-11-21T08:00", "2026-W47"),
        ("2026-11-22T23:59", "2026-W47"),
        ("2026-11-23T00:00", None),
        ("2026-11-24T09:00", None),
        ("2027-01-02T10:00", "2026-W53"),
        ("2027-01-03T00:00", "2026-W53"),
    ],
)
def test_a_letter_is_due_from_saturday_morning_until_sunday_ends(now: str, due: str | None) -> None:
    """[M8] A beat that slept an hour or a day changes nothing; one that slept until Tuesday does.

    New year's weekend belongs to the old year's last week.
    """
    assert week_due(at(now)) == due


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-01T07:59", None),
        ("2026-11-01T08:00", "2026-10"),
        ("2026-11-02T00:00", "2026-10"),
        ("2026-11-03T23:59", "2026-10"),
        ("2026-11-04T00:00", None),
        ("2027-01-02T12:00", "2026-12"),
    ],
)
def test_a_digest_is_due_in_the_first_days_of_a_month(now: str, due: str | None) -> None:
    """[M8] It is about the month before."""
    month = month_due(at(now))
    assert (month.name if month else None) == due


def test_a_month_is_that_of_the_newsrooms_calendar() -> None:
    """October in Kyiv ends after the clocks were turned back."""
    month = month_due(at("2026-11-01T09:00"))
    assert month is not None
    assert month.first_day == date(2026, 10, 1)
    assert month.begins_at.isoformat() == "2026-10-01T00:00:00+03:00"
    assert month.ends_at.isoformat() == "2026-11-01T00:00:00+02:00"
