"""What Stripe accepts as an amount, what it takes as its fee, and how an amount reads.

Amounts are integers of the currency's minor unit.
https://docs.stripe.com/currencies for zero- and three-decimal currencies and the minimums.
"""

from sandbox.stripe.errors import ApiError, invalid

ZERO_DECIMAL = frozenset(
    {
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
        "xof", "xpf",
    }
)  # fmt: skip
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# Two decimals on paper, of which Stripe takes whole units only.
WHOLE_UNITS_ONLY = frozenset({"isk", "ugx"})
MINIMUMS = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200,
    "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
MAXIMUM = 99_999_999


def check_amount(amount: int, currency: str, param: str) -> None:
    """Raises ApiError 400 for an amount that Stripe would not charge."""
    if amount < 0:
        raise invalid("This value must be greater than or equal to 0.", param,
                      "parameter_invalid_integer")  # fmt: skip
    if amount > MAXIMUM:
        raise invalid(
            f"Amount must be no more than {display(MAXIMUM, currency)}", param, "amount_too_large"
        )
    if currency in THREE_DECIMAL and amount % 10:
        raise invalid(
            f"Invalid amount. The amount for {currency.upper()} must be evenly divisible by 10.",
            param,
        )
    if currency in WHOLE_UNITS_ONLY and amount % 100:
        raise invalid(
            f"Invalid amount. The amount for {currency.upper()} must be evenly divisible by 100.",
            param,
        )


def check_minimum(amount: int, currency: str, param: str) -> None:
    """Raises ApiError 400 ``amount_too_small``; nothing to pay is fine."""
    minimum = MINIMUMS.get(currency, 1)
    if 0 < amount < minimum:
        raise ApiError(
            400,
            "invalid_request_error",
            f"The amount due must be at least {display(minimum, currency)}",
            code="amount_too_small",
            param=param,
        )


def fee(amount: int) -> int:
    """2.9 % and 30 minor units, rounded half up."""
    return (amount * 29 + 500) // 1000 + 30


def decimals(currency: str) -> int:
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def display(amount: int, currency: str) -> str:
    """For people: ``5.00 USD``, ``500 JPY``, ``5.000 KWD``."""
    places = decimals(currency)
    if places == 0:
        return f"{amount:,} {currency.upper()}"
    whole, rest = divmod(amount, 10**places)
    return f"{whole:,}.{rest:0{places}d} {currency.upper()}"
