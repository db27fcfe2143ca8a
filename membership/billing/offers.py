"""What the support page offers: amounts with what they make possible, and what follows when."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

from flask_babel import format_date, format_percent, to_user_timezone
from flask_babel import gettext as _

from config.settings import Tier, settings
from membership.billing.amounts import with_card_fee
from membership.billing.fees import card_fee
from membership.money import Money, decimals, display, from_major, smallest_step
from membership.web.languages import current_language


class Offer(NamedTuple):
    """One suggested gift; `with_fee` is charged when the reader pays the card fee, too."""

    gift: Money
    with_fee: Money
    note: str


Offers = dict[str, list[Offer]]
LAST_DAY_OF_EVERY_MONTH = 28


def offers(currency: str) -> Offers:
    """By interval, the suggested amounts with one line each; a year is twelve months."""
    tiers = settings().tiers[currency]
    monthly = [_offer(_amount(tier, currency), _possible(tier.name)) for tier in tiers]
    return {
        "month": monthly,
        "year": [_offer(each.gift * 12, _per_month(each.gift)) for each in monthly],
        "once": monthly,
    }


def _offer(gift: Money, note: str) -> Offer:
    return Offer(gift, with_card_fee(gift, card_fee(gift.currency)), note)


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
    """What "I also pay the card fee" adds: a share of the whole charge, itself included."""
    fee = card_fee(currency)
    share = Decimal(fee.share.numerator) / fee.share.denominator
    percent = format_percent(share, "0.##%" if current_language() == "en" else "0.##\xa0%")
    fixed = display(fee.fixed, current_language())
    return str(
        _(
            "That adds the fee: %(percent)s of all that is charged, and %(fixed)s.",
            percent=percent,
            fixed=fixed,
        )
    )


def fee_figures(currency: str) -> dict[str, int]:
    """What the page's script needs to say what amounts.with_card_fee() charges, in minor units.

    Of `of` parts charged `kept` are left, before `fixed` goes off; charges are multiples of `step`.
    """
    fee = card_fee(currency)
    kept = 1 - fee.share
    return {
        "kept": kept.numerator,
        "of": kept.denominator,
        "fixed": fee.fixed.minor,
        "step": smallest_step(currency),
        "decimals": decimals(currency),
    }
