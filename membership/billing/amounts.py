"""How much may be given at once, and what a card payment costs. Pure rules, in major units."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from membership.money import Money, from_major, smallest_step


@dataclass(frozen=True)
class Limits:
    """Least and most for one gift."""

    least: Decimal
    most: Decimal


@dataclass(frozen=True)
class CardFee:
    """What a card payment costs: a share of the whole charge, and a fixed part."""

    share: Fraction
    fixed: Money


# Least: above Stripe's own minimum charge (docs.stripe.com/currencies), below which fees eat the
# gift. Most: what we would rather talk about with the giver first.
LIMITS = {
    "EUR": Limits(Decimal(1), Decimal(10_000)),
    "USD": Limits(Decimal(1), Decimal(10_000)),
    "UAH": Limits(Decimal(30), Decimal(400_000)),
    "GBP": Limits(Decimal(1), Decimal(10_000)),
    "PLN": Limits(Decimal(4), Decimal(40_000)),
    "CAD": Limits(Decimal(1), Decimal(15_000)),
    "CHF": Limits(Decimal(1), Decimal(10_000)),
    "JPY": Limits(Decimal(100), Decimal(1_500_000)),
    "KWD": Limits(Decimal("0.5"), Decimal(3_000)),
}


def least(currency: str) -> Money:
    return from_major(LIMITS[currency].least, currency)


def most(currency: str) -> Money:
    return from_major(LIMITS[currency].most, currency)


def with_card_fee(gift: Money, fee: CardFee) -> Money:
    """What to charge so that `gift` is left after the card fee, rounded up."""
    exact = Fraction((gift + fee.fixed).minor) / (1 - fee.share)
    step = smallest_step(gift.currency)
    return Money(-(-exact // step) * step, gift.currency)
