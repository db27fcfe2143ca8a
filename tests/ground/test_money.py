"""Money: exact, in Stripe's minor units (rule B15)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.money import (
    CurrencyMismatchError,
    InvalidAmountError,
    Money,
    NotPositiveError,
    TooFineError,
    decimals,
    display,
    from_major,
    is_whole,
    parse,
    smallest_step,
)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("4", "EUR", 400),
        ("19.99", "EUR", 1999),
        ("4,50", "EUR", 450),
        ("1 200", "UAH", 120000),
        ("1\xa0200,5", "UAH", 120050),
        ("4.", "EUR", 400),
        ("1.200", "KWD", 1200),
        ("600", "JPY", 600),
        ("1.5", "KWD", 1500),
        ("500", "ISK", 50000),
        ("500", "UGX", 50000),
    ],
)
def test_amounts_become_minor_units(text: str, currency: str, minor: int) -> None:
    """[B15] Currencies without and with three decimals, and Stripe's special cases."""
    assert parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("4.5", "JPY"),
        ("4.505", "EUR"),
        ("1.505", "KWD"),
        ("500.5", "ISK"),
        ("500.50", "HUF"),
        ("0", "EUR"),
        ("-4", "EUR"),
        ("", "EUR"),
        ("four", "EUR"),
        ("NaN", "EUR"),
        ("Infinity", "EUR"),
        ("1e30", "EUR"),
        ("1,200", "EUR"),
        ("1.200", "EUR"),
        ("1.000", "JPY"),
        ("1,200.50", "EUR"),
        ("1_000", "EUR"),
        ("1e3", "EUR"),
        ("+4", "EUR"),
        ("٤", "EUR"),
        (".", "EUR"),
    ],
)
def test_what_cannot_be_charged_is_refused(text: str, currency: str) -> None:
    """[B15] Nothing is rounded behind the reader's back."""
    with pytest.raises(InvalidAmountError):
        parse(text, currency)


@pytest.mark.parametrize(
    ("text", "currency", "why"),
    [
        ("0", "EUR", NotPositiveError),
        ("0,00", "EUR", NotPositiveError),
        ("-4", "EUR", NotPositiveError),
        ("−4,505", "EUR", NotPositiveError),
        ("4.505", "EUR", TooFineError),
        ("1,200", "EUR", TooFineError),
        ("1.505", "KWD", TooFineError),
        ("500.5", "HUF", TooFineError),
        ("4.5", "JPY", TooFineError),
    ],
)
def test_what_is_wrong_with_an_amount_is_known(
    text: str, currency: str, why: type[Exception]
) -> None:
    with pytest.raises(why):
        parse(text, currency)


def test_amounts_are_whole_or_have_two_decimals() -> None:
    assert [each for each in ("EUR", "JPY", "KWD", "HUF", "ISK") if is_whole(each)] == [
        "JPY", "HUF", "ISK"
    ]  # fmt: skip


@given(st.integers(1, 10**9), st.sampled_from(["EUR", "JPY", "KWD", "ISK", "UAH"]))
def test_major_and_minor_units_are_the_same_amount(steps: int, currency: str) -> None:
    money = Money(steps * smallest_step(currency), currency)
    assert from_major(money.major, currency) == money


def test_currencies_are_never_added_up() -> None:
    with pytest.raises(CurrencyMismatchError):
        Money(1, "EUR") + Money(1, "USD")


@pytest.mark.parametrize(
    ("money", "language", "shown"),
    [
        (Money(400, "EUR"), "en", "€4"),
        (Money(450, "EUR"), "en", "€4.50"),
        (Money(1500, "KWD"), "en", "KWD\xa01.500"),
        (Money(600, "JPY"), "en", "¥600"),
        (Money(123456, "UAH"), "uk", "1\xa0234,56\xa0₴"),
    ],
)
def test_money_is_shown_as_people_write_it(money: Money, language: str, shown: str) -> None:
    assert display(money, language) == shown


def test_minor_units_follow_the_currency() -> None:
    """[B15]"""
    assert [decimals(code) for code in ("EUR", "JPY", "KWD", "ISK")] == [2, 0, 3, 2]
    assert Money(1999, "EUR").major == Decimal("19.99")
