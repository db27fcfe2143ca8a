"""Stripe's published test cards. https://docs.stripe.com/testing"""

from dataclasses import dataclass

DECLINED = "Your card was declined."


@dataclass(frozen=True)
class Decline:
    code: str
    decline_code: str | None
    message: str
    advice_code: str = "try_again_later"


@dataclass(frozen=True)
class Card:
    """How a number behaves.

    ``decline`` answers every charge, and saving the card too unless ``saves``. ``challenge`` is
    when 3-D Secure is asked for: "setup" until it was passed once, "always", or "" for never.
    """

    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    saves: bool = False
    challenge: str = ""
    disputed: bool = False
    fraud_warning: bool = False


def _declined(decline_code: str, advice_code: str = "try_again_later") -> Decline:
    return Decline("card_declined", decline_code, DECLINED, advice_code)


GENERIC = _declined("generic_decline")
INSUFFICIENT_FUNDS = Decline(
    "card_declined", "insufficient_funds", "Your card has insufficient funds."
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. Please choose a different payment method "
    "and try again.",
)

CARDS = {
    "4242424242424242": Card(),
    "4000056655665556": Card(funding="debit"),
    "5555555555554444": Card(brand="mastercard"),
    "378282246310005": Card(brand="amex"),
    "4000002760000016": Card(country="DE"),
    "4000000000000341": Card(decline=GENERIC, saves=True),
    "4000000000000002": Card(decline=GENERIC),
    "4000000000009995": Card(decline=INSUFFICIENT_FUNDS),
    "4000000000009987": Card(decline=_declined("lost_card", "do_not_try_again")),
    "4000000000009979": Card(decline=_declined("stolen_card", "do_not_try_again")),
    "4000000000006975": Card(decline=_declined("card_velocity_exceeded")),
    "4000000000000069": Card(
        decline=Decline("expired_card", None, "Your card has expired.", "confirm_card_data")
    ),
    "4000000000000127": Card(
        decline=Decline(
            "incorrect_cvc", None, "Your card's security code is incorrect.", "confirm_card_data"
        )
    ),
    "4000000000000119": Card(
        decline=Decline(
            "processing_error",
            None,
            "An error occurred while processing your card. Try again in a little bit.",
        )
    ),
    "4000002500003155": Card(challenge="setup"),
    "4000002760003184": Card(challenge="always"),
    "4000000000003220": Card(challenge="always"),
    "4000008260003178": Card(challenge="always", decline=INSUFFICIENT_FUNDS),
    "4000000000000259": Card(disputed=True),
    "4000000000005423": Card(fraud_warning=True),
}

# The payment methods and tokens that Stripe keeps ready in every test account.
READY_MADE = {
    "pm_card_visa": "4242424242424242",
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_createDispute": "4000000000000259",
    "tok_visa": "4242424242424242",
    "tok_mastercard": "5555555555554444",
    "tok_chargeCustomerFail": "4000000000000341",
    "tok_chargeDeclined": "4000000000000002",
}


def is_complete(number: str) -> bool:
    """Whether a number has the length of a card's and passes the Luhn check."""
    if not number.isdigit() or not 13 <= len(number) <= 19:
        return False
    doubled = [int(digit) for digit in number[-2::-2]]
    plain = sum(int(digit) for digit in number[-1::-2])
    return (plain + sum(digit * 2 - 9 * (digit > 4) for digit in doubled)) % 10 == 0
