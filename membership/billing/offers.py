"""What the support page offers: amounts with what they make possible, and what follows when."""

from datetime import UTC, date, datetime
from decimal import Decimal

from flask_babel import format_date, format_percent, to_user_timezone
from flask_babel import gettext as _

from config.settings import Tier, settings
from membership.billing.amounts import FEE_RATE, LIMITS
from membership.money import Money, display, from_major
from membership.web.languages import current_language

Offers = dict[str, list[tuple[Money, str]]]
LAST_DAY_OF_EVERY_MONTH = 28


def offers(currency: str) -> Offers:
    """By interval, the suggested amounts with one line each; a year is twelve months."""
    tiers = settings().tiers[currency]
    monthly = [(_amount(tier, currency), _possible(tier.name)) for tier in tiers]
    return {
        "month": monthly,
        "year": [(money * 12, _per_month(money)) for money, _line in monthly],
        "once": monthly,
    }


def _amount(tier: Tier, currency: str) -> Money:
    return from_major(tier.amount, currency)


def _per_month(money: Money) -> str:
    return str(_("%(amount)s a month", amount=display(money, current_language())))


def _possible(tier: str) -> str:
    lines = {
        "coffee": _("The price of one coffee: an hour on the phone checking a claim."),
        "lunch": _("The price of a lunch: a reporter’s way to where it happens."),
        "dinner": _("The price of a dinner: a morning in court or in the archive."),
    }
    return str(lines[tier])


def terms(now: datetime) -> dict[str, str]:
    """By interval, what is charged when, for someone who gives at `now` (lesson L10)."""
    first = _first_charge(now)
    day = format_date(first, "d")
    if int(day) > LAST_DAY_OF_EVERY_MONTH:
        monthly = _(
            "First charge today, then on day %(day)s of each month, or its last day. "
            "Cancel any time in two clicks.",
            day=day,
        )
    else:
        monthly = _(
            "First charge today, then on day %(day)s of each month. Cancel any time in two clicks.",
            day=day,
        )
    yearly = _(
        "First charge today, then every year on %(date)s. Cancel any time in two clicks.",
        date=format_date(first, "d MMMM"),
    )
    return {"month": monthly, "year": yearly, "once": _("One charge today. Nothing repeats.")}


def _first_charge(now: datetime) -> date:
    """The day that later charges go by: the reader's, but Stripe's own where a month ends.

    Stripe keeps the day in UTC. Late on 30 April it is 1 May in Kyiv, yet the next charge comes on
    30 May (lesson L8).
    """
    here, at_stripe = to_user_timezone(now).date(), now.astimezone(UTC).date()
    is_plain = here.month == at_stripe.month and here.day <= LAST_DAY_OF_EVERY_MONTH
    return here if is_plain else at_stripe


def fee_note(currency: str) -> str:
    """How much "I also pay the card fee" adds."""
    rate = Decimal(FEE_RATE.numerator) / FEE_RATE.denominator
    percent = format_percent(rate, "0.#%" if current_language() == "en" else "0.#\xa0%")
    fixed = display(from_major(LIMITS[currency].fixed_fee, currency), current_language())
    return str(_("That adds %(percent)s and %(fixed)s.", percent=percent, fixed=fixed))
