"""Every knob of Kava, typed and documented; all errors are reported at once at start.

Read from the environment and `.env`; `config/example.env` shows each with a harmless value.
"""

import re
from decimal import Decimal
from functools import cached_property
from typing import Annotated, NamedTuple, Self
from urllib.parse import urlsplit

from flask import current_app
from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CommaSeparated = Annotated[tuple[str, ...], NoDecode]
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
# Of what lets a stranger's machine tell us that a reader's address is wrong.
SHORTEST_SECRET = 16


class CardFee(NamedTuple):
    """What is kept of a card payment: a share of the charge, and a fixed part in major units."""

    share: Decimal
    fixed: Decimal


def _card_fee(text: str) -> tuple[str, CardFee]:
    """ "EUR=1.5%+0.25" in its parts. Raises ValueError."""
    found = re.fullmatch(r"([A-Z]{3})=(\d{1,2}(?:\.\d+)?)%\+(\d+(?:\.\d+)?)", "".join(text.split()))
    if found is None:
        raise ValueError(f"{text.strip()!r} does not read like EUR=1.5%+0.25")
    return found[1], CardFee(Decimal(found[2]) / 100, Decimal(found[3]))


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    public_url: str = Field(description="Where readers reach the site, without a slash at the end")
    secret_key: str = Field(min_length=32, description="Signs sessions and links; 32 or more")
    database_url: str = Field(description="postgresql+psycopg://user:password@host/name")
    redis_url: str = Field(description="redis://host:port/0; carries hints only, may be lost")

    stripe_secret_key: str = Field(description="sk_test_… or sk_live_… (restricted keys: rk_…)")
    stripe_webhook_secrets: CommaSeparated = Field(
        min_length=1, description="Signing secrets, comma-separated: two while one is rotated"
    )
    stripe_api_base: str = Field(default="", description="Empty for the real Stripe")

    smtp_url: str = Field(description="smtp://[user:password@]host:port, or smtps://…")
    mail_from: str = Field(description='Sender, such as "The Courier <post@courier.example>"')

    mail_rate: float = Field(
        default=0, ge=0, description="Mails a second that the provider allows; 0: no limit"
    )
    postmark_webhook_login: str = Field(
        default="", description="user:password in the address of Postmark's webhook; empty: none"
    )
    ses_topic_arn: str = Field(
        default="", description="The SNS topic that tells of Amazon SES' bounces; empty: none"
    )
    mailgun_signing_key: str = Field(
        default="", description="Mailgun's HTTP webhook signing key; empty: no such webhook"
    )
    campaign_approval_above: int = Field(
        default=1000, ge=0, description="A campaign to more people needs a second person's approval"
    )

    site_name: str = Field(default="Kava", description="The newsroom's name")
    legal_name: str = Field(
        default="", description="As it stands on receipts; empty: the newsroom's name"
    )
    legal_address: str = Field(default="", description="Below it on receipts; may have lines")
    tax_text: str = Field(
        default="", description="What tax law wants on receipts, such as a registration number"
    )
    currencies: CommaSeparated = Field(
        default=("EUR", "USD", "UAH", "GBP"), description="Offered currencies; the first is preset"
    )
    card_fees: Annotated[dict[str, CardFee], NoDecode] = Field(
        default={},
        validate_default=True,
        description="What Stripe keeps of a card payment, such as EUR=1.5%+0.25,GBP=1.5%+0.20; "
        "for currencies that are not named, its list price",
    )
    languages: CommaSeparated = Field(
        default=("en", "uk"), description="Languages of the site; the first has no URL prefix"
    )
    time_zone: str = Field(default="Europe/Kyiv", description="In which staff and pages see times")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    sentry_dsn: str = Field(default="", description="Optional error reports; empty sends none")

    @field_validator("stripe_webhook_secrets", "currencies", "languages", mode="before")
    @classmethod
    def split_at_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("public_url", "stripe_api_base")
    @classmethod
    def drop_last_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def name_the_driver(cls, value: str) -> str:
        """Accept the plain postgresql:// that hosts hand out."""
        scheme, separator, rest = value.partition("://")
        if scheme in {"postgres", "postgresql"}:
            return f"postgresql+psycopg{separator}{rest}"
        if scheme != "postgresql+psycopg":
            raise ValueError("must be a postgresql:// address: Kava runs on PostgreSQL only")
        return value

    @field_validator("currencies")
    @classmethod
    def know_every_currency(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [code for code in value if code not in COFFEE]
        if unknown:
            raise ValueError(f"no amounts are known for {', '.join(unknown)}")
        return value

    @field_validator("card_fees", mode="before")
    @classmethod
    def read_card_fees(cls, value: object) -> object:
        if isinstance(value, str):
            return dict(_card_fee(part) for part in value.split(",") if part.strip())
        return value

    @field_validator("card_fees")
    @classmethod
    def know_every_card_fee(cls, value: dict[str, CardFee]) -> dict[str, CardFee]:
        unknown = [code for code in value if code not in COFFEE]
        if unknown:
            raise ValueError(f"no amounts are known for {', '.join(unknown)}")
        return LIST_PRICES | value

    @field_validator("stripe_secret_key")
    @classmethod
    def is_a_secret_key(cls, value: str) -> str:
        if not value.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
            raise ValueError("must start with sk_test_, sk_live_, rk_test_ or rk_live_")
        return value

    @field_validator("public_url")
    @classmethod
    def stands_in_headers(cls, value: str) -> str:
        if not value.isascii():
            raise ValueError("must be in ASCII: write a domain in other letters as xn--…")
        return value

    @field_validator("postmark_webhook_login")
    @classmethod
    def is_a_login(cls, value: str) -> str:
        user, _, password = value.partition(":")
        if value and (not user or len(password) < SHORTEST_SECRET):
            raise ValueError(f"must be user:password, of {SHORTEST_SECRET} letters or more")
        return value

    @field_validator("ses_topic_arn")
    @classmethod
    def is_a_topic(cls, value: str) -> str:
        if value and not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+", value):
            raise ValueError("must read like arn:aws:sns:eu-central-1:123456789012:bounces")
        return value

    @field_validator("mailgun_signing_key")
    @classmethod
    def is_a_key(cls, value: str) -> str:
        if value and len(value.strip()) < SHORTEST_SECRET:
            raise ValueError("is shorter than any signing key of Mailgun's")
        return value

    @model_validator(mode="after")
    def insist_on_https(self) -> Self:
        if not self.is_secure and urlsplit(self.public_url).hostname not in LOCAL_HOSTS:
            raise ValueError("public_url must be https:// anywhere but on this machine")
        return self

    @property
    def is_secure(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def is_live(self) -> bool:
        """Whether real money moves."""
        return "_live_" in self.stripe_secret_key

    @cached_property
    def tiers(self) -> dict[str, tuple["Tier", ...]]:
        """The three suggested monthly amounts of each offered currency, smallest first."""
        return {
            code: (
                Tier("coffee", COFFEE[code]),
                Tier("lunch", COFFEE[code] * 3),
                Tier("dinner", COFFEE[code] * 8),
            )
            for code in self.currencies
        }


class Tier:
    """A named suggested amount a month, in major units. It gates nothing."""

    def __init__(self, name: str, amount: Decimal) -> None:
        self.name = name
        self.amount = amount


# The price of one cup in each currency's major units; an editorial choice, rounded to what
# a café would write on its board.
COFFEE = {
    "EUR": Decimal(4),
    "USD": Decimal(5),
    "UAH": Decimal(90),
    "GBP": Decimal(4),
    "PLN": Decimal(15),
    "CAD": Decimal(6),
    "CHF": Decimal(5),
    "JPY": Decimal(600),
    "KWD": Decimal("1.5"),
}

# Stripe's standard price for cards (stripe.com/pricing); what it agreed with you may be less.
LIST_PRICES = {
    code: CardFee(Decimal("0.029"), Decimal(fixed))
    for code, fixed in {
        "EUR": "0.25",
        "USD": "0.30",
        "UAH": "12",
        "GBP": "0.20",
        "PLN": "1",
        "CAD": "0.30",
        "CHF": "0.30",
        "JPY": "30",
        "KWD": "0.1",
    }.items()
}


def settings() -> Settings:
    """The settings of the running application (needs its context)."""
    found: Settings = current_app.extensions["kava.settings"]
    return found
