"""What the support page says about the charges that follow, and about the card fee."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from membership.billing import offers

DAYS = [
    (datetime(2026, 4, 9, 12, tzinfo=UTC), "on day 9 of each month. "),
    (datetime(2026, 4, 9, 22, tzinfo=UTC), "on day 10 of each month. "),
    (datetime(2026, 4, 30, 22, tzinfo=UTC), "on day 30 of each month, or its last day"),
    (datetime(2026, 2, 28, 23, tzinfo=UTC), "on day 28 of each month. "),
    (datetime(2026, 3, 31, 12, tzinfo=UTC), "on day 31 of each month, or its last day"),
    (datetime(2026, 3, 28, 23, tzinfo=UTC), "on day 28 of each month. "),
]


@pytest.mark.parametrize(("now", "said"), DAYS)
def test_the_day_that_is_announced_is_the_day_of_the_charge(
    app: Flask, now: datetime, said: str
) -> None:
    """[L8] Stripe goes by UTC: late on the 30th in Kyiv it is the 1st, and the 30th at Stripe."""
    with app.test_request_context("/support"):
        assert said in offers.terms(now)["month"]


def test_a_year_goes_by_the_same_day(app: Flask) -> None:
    """[L8]"""
    with app.test_request_context("/support"):
        assert "every year on 9 April" in offers.terms(DAYS[0][0])["year"]
        assert "every year on 28 February" in offers.terms(DAYS[3][0])["year"]
