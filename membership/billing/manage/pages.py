"""What both doors share: the blueprint, the page that says why not, and what a page must know."""

from typing import Any

import structlog
from flask import Blueprint, render_template
from flask_babel import gettext as _

from membership.billing.manage import plan
from membership.billing.manage.agreement import agreement_of
from membership.billing.models import Subscription

log = structlog.get_logger(__name__)
blueprint = Blueprint("manage", __name__)


def not_now(sentence: str, back: str) -> str:
    return render_template("billing/not_now.html", sentence=sentence, back=back)


def stripe_away(error: Exception, back: str) -> str:
    """Whether it was done is not known: Stripe may have done it and not said so."""
    log.error("stripe_did_not_act", reason=type(error).__name__)
    sentence = _(
        "Stripe, which makes the charges, did not answer. Please look at your page in a minute, "
        "and try again if nothing has changed."
    )
    return not_now(str(sentence), back)


def shown(row: Subscription) -> dict[str, Any]:
    """What a page needs that says what holds: the agreement, and what may be done with it."""
    agreement = agreement_of(row)
    return {
        "subscription": row,
        "agreement": agreement,
        "may": plan.acts_in(agreement),
        "ends_at_once": agreement.state in plan.ENDS_AT_ONCE,
    }
