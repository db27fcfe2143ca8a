"""Where our letters about a failed payment lead: what failed, and one button to mend it."""

import structlog
from flask import (
    Blueprint,
    Response,
    abort,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import address_changes
from membership.billing import checkout, gateway, links
from membership.billing.dunning.models import Dunning
from membership.billing.models import Subscription
from membership.db import transaction
from membership.web import access
from membership.web.languages import address, current_language

log = structlog.get_logger(__name__)
blueprint = Blueprint("dunning", __name__)


@blueprint.route("/mend/<token>", methods=["GET", "POST"])
@access.anyone
def mend(token: str) -> ResponseReturnValue:
    """GET says what failed, and changes nothing; POST leads on to Stripe's page.

    Names nobody: whoever has the link sees it. `back` says that the reader comes from Stripe.
    """
    with transaction() as session:
        row, subscription = _found(session, token)
        if request.method == "POST" and row.is_open:
            row.link_used_at = clock.now()
    if request.method != "POST":
        return _page(row, subscription)
    if not row.is_open:
        return redirect(url_for("dunning.mend", token=token), 303)
    if row.kind == "action" and row.action_url:
        return redirect(row.action_url, 303)
    language = current_language()
    try:
        url = gateway.create_portal_session(
            subscription.stripe_customer_id,
            return_url=address("dunning.mend", language, token=token, back=1),
            locale=checkout.stripe_locale(language),
            to_mend_card=True,
        )
    except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
        log.error("no_portal_page", reason=type(error).__name__)
        return _page(row, subscription, is_stripe_away=True)
    return redirect(url, 303)


def _found(session: Session, token: str) -> tuple[Dunning, Subscription]:
    try:
        number, signed_at = links.signed("mend", token)
    except links.BadLinkError:
        abort(404, _("This link does not belong to one of our mails. It may have lost a letter."))
    found = session.execute(
        select(Dunning, Subscription)
        .join(Subscription, Subscription.id == Dunning.subscription_id)
        .where(Dunning.id == number)
    ).one_or_none()
    if found is None or address_changes.has_changed(session, found[1].account_id, signed_at):
        abort(404, _("This link is too old, or has lost a letter on its way. Sign in instead."))
    row, subscription = found
    return row, subscription


def _page(row: Dunning, subscription: Subscription, *, is_stripe_away: bool = False) -> Response:
    page = render_template(
        "billing/mend.html",
        payment=row,
        subscription=subscription,
        comes_back="back" in request.args,
        is_stripe_away=is_stripe_away,
    )
    return make_response(page, 503 if is_stripe_away else 200)
