"""What a reader types into a hosted page's card form, and what Stripe says when it is wrong."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from sandbox.stripe.cards import is_complete
from sandbox.stripe.checkout import EMAIL
from sandbox.stripe.errors import Object
from sandbox.stripe.payment_methods import new_card
from sandbox.stripe.world import World

EXPIRY = re.compile(r"(\d{1,2})\s*/?\s*(\d{2}|\d{4})")


def problems(form: Mapping[str, str], now: int, asks_email: bool = False) -> dict[str, str]:
    """One sentence per field that is wrong."""
    found: dict[str, str] = {}
    if asks_email and not EMAIL.fullmatch(form.get("email", "").strip()):
        found["email"] = "Enter a complete email address, such as name@example.org."
    number = digits(form.get("cardNumber", ""))
    if not number:
        found["cardNumber"] = "Enter your card number."
    elif len(number) < 13:
        found["cardNumber"] = "Your card number is incomplete."
    elif not is_complete(number):
        found["cardNumber"] = "Your card number is invalid."
    expiry = _expiry(form.get("cardExpiry", ""))
    if expiry is None:
        found["cardExpiry"] = "Your card's expiration date is incomplete."
    elif (expiry[1], expiry[0]) < _this_month(now):
        found["cardExpiry"] = "Your card's expiration year is in the past."
    if not re.fullmatch(r"\d{3,4}", form.get("cardCvc", "").strip()):
        found["cardCvc"] = "Your card's security code is incomplete."
    return found


def card(world: World, form: Mapping[str, str], email: str | None) -> Object:
    """The payment method of a form without problems. Raises ApiError 402 for unknown numbers."""
    expiry = _expiry(form["cardExpiry"])
    assert expiry is not None
    name = form.get("billingName", "").strip() or None
    return new_card(world, digits(form["cardNumber"]), *expiry, email=email, name=name)


def digits(text: str) -> str:
    return re.sub(r"[\s-]", "", text)


def _expiry(text: str) -> tuple[int, int] | None:
    """Month and four-digit year."""
    match = EXPIRY.fullmatch(text.strip())
    if not match or not 1 <= int(match[1]) <= 12:
        return None
    year = int(match[2])
    return int(match[1]), year + 2000 if year < 100 else year


def _this_month(now: int) -> tuple[int, int]:
    today = datetime.fromtimestamp(now, UTC)
    return today.year, today.month
