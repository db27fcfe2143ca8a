"""The stand-in's pure parts."""

from datetime import UTC, datetime

import pytest

from sandbox.stripe.amounts import display, fee
from sandbox.stripe.billing_cycle import add_periods, next_period_end
from sandbox.stripe.cards import CARDS, READY_MADE, is_complete
from sandbox.stripe.params import decode


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("anchor", "interval", "count", "end"),
    [
        ("2026-01-31T10:00", "month", 1, "2026-02-28T10:00"),
        ("2026-01-31T10:00", "month", 2, "2026-03-31T10:00"),
        ("2028-01-31T10:00", "month", 1, "2028-02-29T10:00"),
        ("2026-12-15T10:00", "month", 1, "2027-01-15T10:00"),
        ("2028-02-29T10:00", "year", 1, "2029-02-28T10:00"),
        ("2028-02-29T10:00", "year", 4, "2032-02-29T10:00"),
        ("2026-03-01T10:00", "week", 2, "2026-03-15T10:00"),
        ("2026-03-01T10:00", "day", 1, "2026-03-02T10:00"),
    ],
)
def test_anniversaries_clamp_to_the_month(anchor, interval, count, end):
    """[L8] A day that a month lacks becomes its last; later months return to the anchor's day."""
    assert add_periods(at(anchor), interval, count) == at(end)


def test_the_next_period_ends_after_the_given_instant():
    anchor = at("2026-01-31T10:00")
    assert next_period_end(anchor, "month", 1, at("2026-02-28T10:00")) == at("2026-03-31T10:00")
    assert next_period_end(anchor, "month", 1, at("2026-02-28T09:59")) == at("2026-02-28T10:00")
    assert next_period_end(anchor, "month", 3, anchor) == at("2026-04-30T10:00")


@pytest.mark.parametrize(("amount", "taken"), [(500, 45), (1000, 59), (0, 30), (50, 31), (17, 30)])
def test_the_fee_is_rounded_half_up(amount, taken):
    assert fee(amount) == taken


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(123456, "usd", "1,234.56 USD"), (500, "jpy", "500 JPY"), (1500, "kwd", "1.500 KWD")],
)
def test_amounts_read_by_their_currency(amount, currency, text):
    assert display(amount, currency) == text


def test_published_cards_are_well_formed():
    assert all(is_complete(number) for number in CARDS)
    assert set(READY_MADE.values()) <= CARDS.keys()
    assert not is_complete("4242424242424243")


def test_forms_decode_into_trees():
    assert decode("a[b][0][c]=1&a[b][1][c]=2&d[]=x&d[]=y&e=") == {
        "a": {"b": {"0": {"c": "1"}, "1": {"c": "2"}}},
        "d": {"0": "x", "1": "y"},
        "e": "",
    }
