"""What a card payment costs, as the newsroom has set it (CARD_FEES)."""

from decimal import ROUND_CEILING
from fractions import Fraction

from config.settings import settings
from membership.billing.amounts import CardFee
from membership.money import Money, decimals


def card_fee(currency: str) -> CardFee:
    """The fee of one of the offered currencies; a fixed part that is too fine is rounded up."""
    share, fixed = settings().card_fees[currency]
    minor = fixed.scaleb(decimals(currency)).to_integral_value(ROUND_CEILING)
    return CardFee(Fraction(share), Money(int(minor), currency))
