"""Monthly value and its movements, amounts and the card fee."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from config.settings import COFFEE, LIST_PRICES
from membership.billing import revenue
from membership.billing.amounts import LIMITS, CardFee, least, most, with_card_fee
from membership.billing.lifecycle import STEPS
from membership.billing.models import END_REASONS, MOVEMENTS
from membership.billing.revenue import movement
from membership.money import Money, from_major, smallest_step

AMOUNTS = some.integers(min_value=1, max_value=10**9)
STATES = some.sampled_from(sorted(STEPS))
VALUED = ("active", "past_due", "cancel_scheduled")


def monthly_value(amount: int, interval: str, state: str, *, paused: bool = False) -> int:
    return revenue.monthly_value(amount, interval, state, collection_paused=paused)


@pytest.mark.parametrize(
    ("yearly", "monthly"), [(4800, 400), (6, 0), (18, 2), (30, 2), (42, 4), (5000, 417)]
)
def test_a_year_is_a_twelfth_a_month_half_to_even(yearly: int, monthly: int) -> None:
    """[D1] 0.5 → 0, 1.5 → 2, 2.5 → 2, 3.5 → 4."""
    assert monthly_value(yearly, "year", "active") == monthly


@given(AMOUNTS, STATES)
def test_only_what_runs_has_a_monthly_value(amount: int, state: str) -> None:
    """[D1] Nothing for incomplete, paused and ended; past due counts until it ends."""
    assert monthly_value(amount, "month", state) == (amount if state in VALUED else 0)
    assert abs(monthly_value(amount, "year", state) * 12 - (amount if state in VALUED else 0)) <= 6


@given(AMOUNTS, STATES)
def test_what_is_not_collected_has_none(amount: int, state: str) -> None:
    """[D1] Also when the end is set meanwhile."""
    assert monthly_value(amount, "month", state, paused=True) == 0


@given(some.lists(some.tuples(AMOUNTS, STATES, some.sampled_from(END_REASONS)), max_size=20))
def test_movements_have_the_sign_that_their_name_says(
    readings: list[tuple[int, str, str]],
) -> None:
    """[L15] Whatever happens in whatever order, the movements sum to the value now."""
    total, had_before = 0, False
    for amount, state, reason in readings:
        value = monthly_value(amount, "month", state)
        name = movement(total, value, reason if state == "ended" else None, had_before)
        change = value - total
        if name is None:
            assert change == 0
            continue
        assert name in MOVEMENTS
        assert (change > 0) == (name in {"new", "expansion", "reactivation"})
        assert (name == "new") == (total == 0 and not had_before)
        assert name.startswith("churn") == (value == 0)
        total, had_before = total + change, True
    assert total == (monthly_value(readings[-1][0], "month", readings[-1][1]) if readings else 0)


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("voluntary", "churn_voluntary"),
        ("staff", "churn_voluntary"),
        ("payment_failed", "churn_involuntary"),
        ("dispute", "churn_involuntary"),
        ("fraud", "churn_involuntary"),
        (None, "churn_voluntary"),
    ],
)
def test_churn_is_named_by_its_reason(reason: str | None, name: str) -> None:
    """[D1] A pause, which has no end reason, counts as voluntary and comes back."""
    assert movement(400, 0, reason, had_mrr_before=True) == name
    assert movement(0, 400, None, had_mrr_before=True) == "reactivation"


@given(some.sampled_from(sorted(LIMITS)), some.data())
def test_with_the_fee_on_top_the_gift_is_left(currency: str, data: some.DataObject) -> None:
    """After the fee at least the gift is left, and no smaller charge would do."""
    step = smallest_step(currency)
    low, high = least(currency).minor // step, most(currency).minor // step
    gift = Money(data.draw(some.integers(low, high)) * step, currency)
    share = data.draw(some.fractions(0, Fraction(1, 10), max_denominator=1000))
    fixed = data.draw(some.integers(0, 100))
    charged = with_card_fee(gift, CardFee(share, Money(fixed, currency)))
    assert charged.minor % step == 0
    assert charged.minor * (1 - share) - fixed >= gift.minor
    assert (charged.minor - step) * (1 - share) - fixed < gift.minor


@pytest.mark.parametrize("currency", sorted(COFFEE))
def test_every_currency_has_limits_around_a_coffee(currency: str) -> None:
    """[B8] [B15]"""
    coffee = from_major(COFFEE[currency], currency)
    assert least(currency).minor <= coffee.minor < most(currency).minor
    share, fixed = LIST_PRICES[currency]
    fee = CardFee(Fraction(share), from_major(fixed, currency))
    assert with_card_fee(most(currency), fee).minor <= 99_999_999
