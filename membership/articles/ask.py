"""What the ask under a story offers. The page is the same bytes for everyone, so it is written in
the currency of its language and carries the other currencies; js/ask.js picks the reader's.
"""

from config.settings import Settings
from membership import money
from membership.money import Money

# Where a language is read in one country above all.
CURRENCY_OF_LANGUAGE = {"uk": "UAH", "pl": "PLN", "ja": "JPY"}


def preset_currency(settings: Settings, language: str) -> str:
    """The currency of `language` where it is offered, otherwise the first."""
    usual = CURRENCY_OF_LANGUAGE.get(language)
    return usual if usual in settings.currencies else settings.currencies[0]


def amounts(settings: Settings, currency: str) -> list[Money]:
    """The suggested monthly amounts, smallest first: the first is the price of a coffee."""
    return [money.from_major(tier.amount, currency) for tier in settings.tiers[currency]]


def offers(settings: Settings, language: str) -> dict[str, list[tuple[str, str]]]:
    """For each offered currency its amounts, as (for the address, for the eye)."""
    return {
        currency: [
            (in_address(each), money.display(each, language))
            for each in amounts(settings, currency)
        ]
        for currency in settings.currencies
    }


def in_address(amount: Money) -> str:
    """ "4" or "1.5": major units as /support takes them."""
    return f"{amount.major.normalize():f}"
