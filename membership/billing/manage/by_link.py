"""The page that a receipt's link opens: what is given, and the way out, without signing in (L10).

It shows one agreement and neither name nor address, and changes nothing until a button is pressed.
"""

from collections.abc import Callable
from functools import wraps

from flask import Response, abort, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts import address_changes
from membership.accounts.models import Account
from membership.billing import checkout, gateway, links
from membership.billing.dunning import following
from membership.billing.manage import acts, plan, reasons
from membership.billing.manage.forms import LeavingForm
from membership.billing.manage.pages import blueprint, not_now, shown, stripe_away
from membership.billing.manage.words import why_not
from membership.billing.models import Subscription
from membership.db import transaction
from membership.web import access
from membership.web.languages import address, current_language

View = Callable[[str, Subscription], ResponseReturnValue]


def _opened(view: View) -> Callable[[str], Response]:
    """Calls `view` with the token and its subscription; 404 for a link that is not ours."""

    @wraps(view)
    def act(token: str) -> Response:
        row = _subscription(token)
        back = url_for("manage.by_link", token=token)
        try:
            answer = view(token, row)
        except plan.NotNowError as error:
            answer = not_now(why_not(error), back), 409
        except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
            answer = stripe_away(error, back), 503
        return make_response(answer)

    return act


def _subscription(token: str) -> Subscription:
    with transaction() as session:
        row = _found(session, token)
    if row is None:
        abort(404, _("This link is too old, or has lost a letter on its way. Sign in instead."))
    return row


def _found(session: Session, token: str) -> Subscription | None:
    try:
        subscription_id, signed_at = links.signed("manage", token)
    except links.BadLinkError:
        return None
    row = session.scalar(
        select(Subscription)
        .join(Account, Account.id == Subscription.account_id)
        .where(Subscription.id == subscription_id, Account.deleted_at.is_(None))
    )
    if row is None or address_changes.has_changed(session, row.account_id, signed_at):
        return None
    return row


@blueprint.get("/manage/<token>")
@access.anyone
@_opened
def by_link(token: str, row: Subscription) -> ResponseReturnValue:
    return _page(token, row, LeavingForm())


def _page(token: str, row: Subscription, form: LeavingForm) -> str:
    # Whoever has answered is not asked again, unless the answer could not be kept.
    asks = row.state in reasons.LEFT and (form.errors or not reasons.is_known(row.id))
    return render_template(
        "billing/manage.html", token=token, form=form if asks else None, **shown(row)
    )


@blueprint.post("/manage/<token>/cancel")
@access.anyone
@_opened
def cancel_by_link(token: str, row: Subscription) -> ResponseReturnValue:
    """Two clicks from any receipt: its link, and this."""
    acts.cancel(row.id)
    return redirect(url_for("manage.by_link", token=token), 303)


@blueprint.post("/manage/<token>/keep")
@access.anyone
@_opened
def keep_by_link(token: str, row: Subscription) -> ResponseReturnValue:
    acts.keep(row.id)
    flash(_("Taken back. Your support goes on as before."), "success")
    return redirect(url_for("manage.by_link", token=token), 303)


@blueprint.post("/manage/<token>/resume")
@access.anyone
@_opened
def resume_by_link(token: str, row: Subscription) -> ResponseReturnValue:
    acts.resume(row.id)
    flash(_("It goes on as before the pause."), "success")
    return redirect(url_for("manage.by_link", token=token), 303)


@blueprint.post("/manage/<token>/card")
@access.anyone
@_opened
def card_by_link(token: str, row: Subscription) -> ResponseReturnValue:
    """On to Stripe's page for a new card, which shows nothing else, and back."""
    with transaction() as session:
        following.note_own_act(session, row.id)
    language = current_language()
    url = gateway.create_portal_session(
        row.stripe_customer_id,
        return_url=address("manage.by_link", language, token=token),
        locale=checkout.stripe_locale(language),
        to_mend_card=True,
    )
    return redirect(url, 303)


@blueprint.post("/manage/<token>/why")
@access.anyone
@_opened
def why_by_link(token: str, row: Subscription) -> ResponseReturnValue:
    form = LeavingForm()
    if row.state in reasons.LEFT:
        if not form.validate():
            return _page(token, row, form), 422
        reasons.note(row.id, form.reason.data, form.comment.data)
        flash(_("Thank you. We read every answer."), "success")
    return redirect(url_for("manage.by_link", token=token), 303)
