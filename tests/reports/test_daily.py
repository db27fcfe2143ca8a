"""Sums over days, of which those of whole months stand ready."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from membership.reports import daily
from membership.reports.models import DailyCount
from membership.reports.periods import Period
from membership.reports.report import Asked
from membership.reports.rollups import left

FIRST = date(2026, 1, 20)
DAYS = 100


@pytest.fixture
def counted(session: Session) -> dict[date, int]:
    """As many who left on each day as its place in the month says, and those of dollars."""
    numbers = {day: day.day for day in (FIRST + timedelta(each) for each in range(DAYS))}
    for day, number in numbers.items():
        for currency in ("EUR", "USD"):
            counts = {"number": number, "minor": 100 * number}
            session.add(
                DailyCount(name="left", day=day, currency=currency, part="voluntary", **counts)
            )
    session.flush()
    _by_day, by_month, *_why = left.ROLLUPS
    session.execute(by_month.fill, {"since": datetime(1970, 1, 1, tzinfo=UTC)})
    return numbers


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(-5, DAYS), length=st.integers(0, DAYS))
def test_whole_months_and_days_beside_them_come_to_what_all_days_do(
    session: Session, counted: dict[date, int], first: int, length: int
) -> None:
    begins = FIRST + timedelta(first)
    period = Period(begins, begins + timedelta(length))
    found = daily.counts(session, Asked(period.last_day, period, "EUR", sees_all=True), "left")
    wanted: Counter[date] = Counter()
    for day, number in counted.items():
        if period.first_day <= day <= period.last_day:
            wanted[day.replace(day=1)] += number
    assert {month: found.total("left", month) for month in wanted} == {
        month: daily.Count(number, 100 * number) for month, number in wanted.items()
    }
    assert found.total("left").number == wanted.total()
