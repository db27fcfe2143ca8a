"""What staff do to money is done at the Stripe stand-in."""

from tests.billing.conftest import give, standin, stripe

__all__ = ["give", "standin", "stripe"]
