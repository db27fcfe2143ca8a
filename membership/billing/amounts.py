"""How much may be given at once, and what a card payment costs. Pure rules, in major units."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from membership.money import Money, from_major, smallest_step

# What Stripe keeps of a payment beside the fixed part; standard card pricing, stripe.com/pricing.
FEE_RATE = Fraction(29, 1000)


@dataclass(frozen=True)
class Limits:
    """Least and most for one gift, and the fixed part of the card fee."""

    least: Decimal
    most: Decimal
    fixed_fee: Decimal


# Least: above Stripe's own minimum charge (docs.stripe.com/currencies), below which fees eat the
# gift. Most: what we would rather talk about with the giver first.
LIMITS = {
    "EUR": Limits(Decimal(1), Decimal(10_000), Decimal("0.25")),
    "USD": Limits(Decimal(1), Decimal(10_000), Decimal("0.30")),
    "UAH": Limits(Decimal(30), Decimal(400_000), Decimal(12)),
    "GBP": Limits(Decimal(1), Decimal(10_000), Decimal("0.20")),
    "PLN": Limits(Decimal(4), Decimal(40_000), Decimal(1)),
    "CAD": Limits(Decimal(1), Decimal(15_000), Decimal("0.30")),
    "CHF": Limits(Decimal(1), Decimal(10_000), Decimal("0.30")),
    "JPY": Limits(Decimal(100), Decimal(1_500_000), Decimal(30)),
    "KWD": Limits(Decimal("0.5"), Decimal(3_000), Decimal("0.1")),
}


def least(currency: str) -> Money:
    return from_major(LIMITS[currency].least, currency)


def most(currency: str) -> Money:
    return from_major(LIMITS[currency].most, currency)


def with_card_fee(gift: Money) -> Money:
    """What to charge so that `gift` is left after the card fee, rounded up."""
    fixed = from_major(LIMITS[gift.currency].fixed_fee, gift.currency)
    exact = Fraction((gift + fixed).minor) / (1 - FEE_RATE)
    step = smallest_step(gift.currency)
    return Money(-(-exact // step) * step, gift.currency)
