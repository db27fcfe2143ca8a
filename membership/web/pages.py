"""What every template may use: static addresses, money, dates, languages."""

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from flask_babel import (
    format_date,
    format_decimal,
    format_percent,
    format_time,
    get_locale,
    get_timezone,
)

from config.settings import settings
from membership.money import MINUS, Money, display
from membership.web.languages import current_language, language_choices, language_url


def static(path: str) -> str:
    """The address of a static file with a hash of its content, so that caches may keep it."""
    return f"/static/{path}?v={_content_hash(Path(str(current_app.static_folder)) / path)}"


@lru_cache
def _content_hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def show_money(amount: Money | int, currency: str | None = None) -> str:
    """`{{ donation.amount_minor | money(donation.currency) }}` or `{{ some_money | money }}`.

    In the language of the page, or of the mail's reader.
    """
    if not isinstance(amount, Money):
        if currency is None:
            raise ValueError("a bare number of minor units needs its currency")
        amount = Money(amount, currency)
    return display(amount, str(get_locale()))


def show_number(number: int | Decimal) -> str:
    """In the language of the page; below 0 with the sign that money has."""
    return str(format_decimal(number)).replace("-", MINUS)


def show_share(share: int | Decimal) -> str:
    """Of 1, as so many of a hundred: "12.5%"."""
    return str(format_percent(share, "#,##0.#%")).replace("-", MINUS)


def show_date(at: datetime | date) -> str:
    """The day, of a time in the site's time zone: "15 July 2024", "15 липня 2024"."""
    return str(format_date(at, "d MMMM y"))


def utc_day(at: datetime) -> date:
    """The day to which figures count it, whatever the site's time zone."""
    return at.astimezone(UTC).date()


def show_time(at: datetime) -> str:
    """Date and time with the zone named: "15 July 2024, 07:54 EEST"."""
    zone = at.astimezone(get_timezone()).tzname()
    return f"{show_date(at)}, {format_time(at, 'HH:mm')} {zone}"


def machine_time(at: datetime) -> str:
    """For <time datetime="…">."""
    return at.isoformat(timespec="seconds")


def init_app(app: Flask) -> None:
    app.add_template_filter(show_money, "money")
    # In place of that of flask_babel, so that numbers are shown in one way.
    app.add_template_filter(show_number, "numberformat")
    app.add_template_filter(show_date, "date")
    app.add_template_filter(show_time, "time")
    app.add_template_filter(machine_time, "machine_time")
    app.add_template_filter(utc_day, "utc_day")

    @app.context_processor
    def _shared() -> dict[str, Any]:
        return {
            "static": static,
            "site_name": settings().site_name,
            "public_url": settings().public_url,
            "language": current_language(),
            "languages": language_choices(),
            "language_url": language_url,
        }
