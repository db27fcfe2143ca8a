"""What the support page says about the charges that follow, and about the card fee."""

import json
import re
from datetime import UTC, datetime
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from config.settings import Settings
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


def test_with_the_card_fee_the_button_says_what_is_charged(
    session: Session, client: FlaskClient
) -> None:
    """[L10] (4.00 + 0.25) / 0.971 = 4.38; the style sheet shows one or the other."""
    page = client.get("/support?currency=EUR").text
    assert '<span class="say-gift">Give €4 every month</span>' in page
    assert '<span class="say-with-fee">Give €4.38 every month</span>' in page
    assert '<span class="say-with-fee">Give €49.70 every year</span>' in page
    assert "2.9% of all that is charged, and €0.25" in page


def test_the_script_is_told_what_the_fee_is(session: Session, client: FlaskClient) -> None:
    page = client.get("/support?currency=EUR").text
    found = re.search(r'data-fee="([^"]+)"', page)
    assert found is not None
    assert json.loads(unescape(found[1])) == {
        "kept": 971, "of": 1000, "fixed": 25, "step": 1, "decimals": 2
    }  # fmt: skip


def test_the_fee_is_what_the_newsroom_has_set(
    app: Flask, settings: Settings, session: Session, client: FlaskClient
) -> None:
    """A currency that is not named keeps Stripe's list price."""
    agreed = Settings(
        _env_file=None, **(settings.model_dump() | {"card_fees": "EUR=1.5%+0.2, GBP=1.25%+0"})
    )
    app.extensions["kava.settings"] = agreed
    try:
        page = client.get("/support?currency=EUR").text
        assert "1.5% of all that is charged, and €0.20" in page
        assert '<span class="say-with-fee">Give €4.27 every month</span>' in page
        assert "1.25% of all that is charged" in client.get("/support?currency=GBP").text
        assert "2.9% of all that is charged" in client.get("/support?currency=USD").text
    finally:
        app.extensions["kava.settings"] = settings


@pytest.mark.parametrize("typed", ["EUR", "EUR=2", "EUR=2%+x", "EUR=2,5%+0.25", "XXX=2%+0.25"])
def test_a_fee_that_does_not_read_like_one_stops_the_start(settings: Settings, typed: str) -> None:
    with pytest.raises(ValueError, match="card_fees"):
        Settings(_env_file=None, **(settings.model_dump() | {"card_fees": typed}))
