"""What the page announces is what is charged, month after month."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date
from flask import Flask
from sqlalchemy.orm import Session

from config.settings import COFFEE, Settings
from membership.money import Money, display
from tests.billing.agreement import Object, assert_agreement, item_of, moment
from tests.billing.conftest import Stripe
from tests.billing.newsroom import Newsroom

EMAIL = "olena@example.org"
PAYS = "4242424242424242"
# Two years, and a 29 February after three years without one.
CHARGES = {"month": 24, "year": 5}


@pytest.fixture
def newsroom(
    app: Flask, session: Session, stripe: Stripe, settings: Settings
) -> Iterator[Newsroom]:
    """It takes every currency that it knows amounts of."""
    known = settings.model_dump() | {
        "stripe_api_base": stripe.server.url,
        "stripe_secret_key": stripe.server.api_key,
        "currencies": tuple(COFFEE),
    }
    app.extensions["kava.settings"] = Settings(_env_file=None, **known)
    return Newsroom(app, session, stripe)


def charges_since(stripe: Stripe, seen: set[str]) -> list[Object]:
    return [
        each
        for each in stripe.all("charge")
        if each["id"] not in seen and each["status"] == "succeeded"
    ]


def in_words(minor: int, currency: str, at: datetime) -> str:
    """Sum and day, as the page of a newsroom in Kyiv says them in English."""
    day = at.astimezone(ZoneInfo("Europe/Kyiv")).date()
    sum_ = display(Money(minor, currency), "en")
    return f"{sum_} on {format_date(day, 'd MMMM y', 'en')}"


LAST_OF_JANUARY, LAST_OF_FEBRUARY = (1, 31, 12), (2, 29, 12)
# In Kyiv it is the first of the next month already.
LATE = (1, 31, 22)


@pytest.mark.parametrize(
    ("start", "interval", "amount", "currency", "minor"),
    [
        pytest.param(LAST_OF_JANUARY, "month", "5", "EUR", 500, id="31 January"),
        pytest.param(LATE, "month", "4.50", "EUR", 450, id="31 January, late"),
        pytest.param(LAST_OF_JANUARY, "month", "600", "JPY", 600, id="no decimals"),
        pytest.param(LAST_OF_JANUARY, "month", "2.25", "KWD", 2250, id="three decimals"),
        pytest.param(LAST_OF_FEBRUARY, "year", "60", "EUR", 6000, id="29 February, yearly"),
        pytest.param(LAST_OF_FEBRUARY, "year", "7200", "JPY", 7200, id="yearly, no decimals"),
        pytest.param(LAST_OF_FEBRUARY, "year", "18.5", "KWD", 18500, id="yearly, three decimals"),
    ],
)
def test_what_the_page_announces_is_charged_over_a_leap_year(
    newsroom: Newsroom,
    start: tuple[int, int, int],
    interval: str,
    amount: str,
    currency: str,
    minor: int,
) -> None:
    """[L8] [B9] [B15] Sum and day of every charge for two years, or for five yearly ones."""
    stripe = newsroom.stripe
    begun = newsroom.move_to(*start)
    wish = {"interval": interval, "amount": amount, "currency": currency}
    assert newsroom.ask_for_page(EMAIL, signed_in=False, **wish) == 303
    newsroom.pay(newsroom.pages[-1], PAYS)
    newsroom.hear(stripe.events())
    days: list[datetime] = []
    for _ in range(CHARGES[interval]):
        seen = {each["id"] for each in stripe.all("charge")}
        announced = newsroom.announced(EMAIL)
        (given,) = stripe.all("subscription")
        # Charged an hour after the period's end, as Stripe does.
        ends_in = item_of(given)["current_period_end"] - stripe.server.world.now()
        stripe.sandbox("clock", advance=ends_in + 3605)
        newsroom.hear(stripe.events())
        (charge,) = charges_since(stripe, seen)
        assert (charge["amount"], charge["currency"]) == (minor, currency.lower())
        assert announced == in_words(minor, currency, moment(charge["created"]))
        days.append(moment(charge["created"]))
    assert [(each.year, each.month, each.day) for each in days] == anniversaries(
        begun, interval, len(days)
    )
    assert_agreement(newsroom.session, stripe)


def anniversaries(begun: datetime, interval: str, count: int) -> list[tuple[int, int, int]]:
    """By a rule of the test's own: the same day, or the last one of a shorter month."""
    found = []
    for number in range(1, count + 1):
        years, month = divmod(begun.month - 1 + number * (1 if interval == "month" else 12), 12)
        following = datetime(
            begun.year + years + (month == 11), (month + 1) % 12 + 1, 1, tzinfo=UTC
        )
        last = (following - timedelta(days=1)).day
        found.append((begun.year + years, month + 1, min(begun.day, last)))
    return found
