"""Money: an integer of minor units with its currency. Currencies are never added up.

Minor units follow Stripe's table (docs.stripe.com/currencies): zero-decimal and three-decimal
currencies, and the special cases whose charges must be whole major units or end in a zero.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_decimal

ZERO_DECIMAL = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
THREE_DECIMAL = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])

# Stripe keeps two decimals for these although the currency has none, and takes only whole major
# units: ISK and UGX by law of the currency. (HUF and TWD are limited in payouts alone, yet whole
# amounts are what people there expect to see.)
WHOLE_MAJOR_UNITS = frozenset(["ISK", "UGX", "HUF", "TWD"])

# CLDR writes EUR for € in Ukrainian; the newsroom writes what stands on the banknotes.
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "UAH": "₴", "JPY": "¥", "PLN": "zł"}
NO_BREAK_SPACE = "\xa0"
# What stands before a number below 0 for the eye; files have the hyphen that programs read.
MINUS = "−"
AMOUNT = re.compile(r"(?P<sign>[-−]?)(?P<whole>[0-9]+)(?:[.,](?P<part>[0-9]*))?")


class InvalidAmountError(ValueError):
    """The text is no amount of money that can be charged in this currency."""


class NotPositiveError(InvalidAmountError):
    """The amount is nothing, or less."""


class TooFineError(InvalidAmountError):
    """The amount has more decimals than can be charged in this currency, or means thousands."""


class CurrencyMismatchError(ValueError):
    """Amounts of different currencies were about to be added up."""


def decimals(currency: str) -> int:
    """How many decimals Stripe's minor unit of `currency` (upper case, ISO 4217) has."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def smallest_step(currency: str) -> int:
    """Charges in `currency` must be a multiple of this many minor units."""
    if currency in WHOLE_MAJOR_UNITS:
        return 100
    return 10 if currency in THREE_DECIMAL else 1


def is_whole(currency: str) -> bool:
    """Whether only whole major units of `currency` can be charged; all others have two decimals."""
    return bool(smallest_step(currency) == 10 ** decimals(currency))


@dataclass(frozen=True, order=False)
class Money:
    """`minor` units of `currency` (upper case, ISO 4217). Negative amounts are allowed."""

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other).minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.minor * times, self.currency)

    @property
    def major(self) -> Decimal:
        return Decimal(self.minor).scaleb(-decimals(self.currency))

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} do not add up")
        return other


def parse(text: str, currency: str) -> Money:
    """Read an amount in major units as a person types it: "4", "4.50", "4,50", "1 200".

    Digits, blanks, and at most one point or comma, with no more digits behind it than the currency
    has: "1,200" of a currency with two is a thousand to some and a little over one to others.
    Raises InvalidAmountError for anything else, and as from_major() does; TooFineError for too many
    digits behind it.
    """
    typed = AMOUNT.fullmatch("".join(text.split()))
    if typed is None:
        raise InvalidAmountError(f"{text!r} is no amount")
    if typed["sign"]:
        raise NotPositiveError(f"{text!r} is less than nothing")
    whole, part = typed["whole"], typed["part"] or ""
    if len(part) > decimals(currency):
        raise TooFineError(f"{text!r} is finer than {currency} allows, or means thousands")
    return from_major(Decimal(f"{whole}.{part}"), currency)


def from_major(amount: Decimal | int, currency: str) -> Money:
    """Money from an exact amount in major units.

    Raises InvalidAmountError when it is no number or beyond all bounds, NotPositiveError, and
    TooFineError.
    """
    exact = Decimal(amount)
    if not exact.is_finite() or exact.adjusted() > 12:
        raise InvalidAmountError(f"{amount} is no amount that can be given")
    if exact <= 0:
        raise NotPositiveError(f"{amount} is not more than nothing")
    minor = exact.scaleb(decimals(currency))
    if minor != minor.to_integral_value() or int(minor) % smallest_step(currency):
        raise TooFineError(f"{amount} is finer than {currency} allows")
    return Money(int(minor), currency)


def display(money: Money, language: str) -> str:
    """`money` as people who read `language` write it; whole amounts without decimals."""
    whole = money.major == money.major.to_integral_value()
    places = "" if whole else "." + "0" * decimals(money.currency)
    number = format_decimal(abs(money.major), f"#,##0{places}", locale=language)
    symbol = SYMBOLS.get(money.currency, money.currency)
    sign = MINUS if money.minor < 0 else ""
    if language != "en":
        return f"{sign}{number}{NO_BREAK_SPACE}{symbol}"
    space = NO_BREAK_SPACE if symbol.isalpha() else ""
    return f"{sign}{symbol}{space}{number}"
