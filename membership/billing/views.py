"""Pages of giving: the form, thanks, what I give, and Stripe's webhook."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from config.settings import settings
from membership import clock
from membership.accounts.models import Account
from membership.articles import counting
from membership.billing import checkout, gateway, giving
from membership.billing.defence import gate
from membership.billing.defence.views import mail_link
from membership.billing.dunning import following
from membership.billing.forms import INTERVALS, GiftForm, own_email
from membership.billing.gifts.order_pages import forget_order
from membership.billing.manage.pages import shown
from membership.billing.models import Checkout
from membership.billing.offers import fee_figures, fee_note, offers, terms
from membership.db import transaction
from membership.web import access, cookies
from membership.web.languages import address, current_language

log = structlog.get_logger(__name__)
blueprint = Blueprint("billing", __name__)


@blueprint.route("/support", methods=["GET", "POST"])
@access.anyone
def support() -> ResponseReturnValue:
    """The form; sent, it leads to Stripe's page. Fields as the contract and the form name them.

    `interval`, `currency`, `amount` (major units) and `article` in the address are chosen at
    first; `back` says that the reader came back from Stripe's page without paying, `pass` is that
    of a mailed link. 429: a proof of work is asked for first (rule B16).
    """
    if request.method != "POST":
        page = make_response(_form(_asked_for(), came_back="back" in request.args))
        if "pass" in request.args:
            page.headers["Referrer-Policy"] = "no-referrer"
        return page
    form = GiftForm()
    form.own_email = own_email()
    if not form.validate_on_submit():
        return _form(form), 422
    if form.by_mail.data:
        return _mail_link(form)
    try:
        gate.admit(form.email.data, request.remote_addr or "", form.solution.data)
        return redirect(checkout.start(_wish(form)), 303)
    except gate.ChallengeNeededError as error:
        return _form(form, challenge=error.challenge), 429
    except checkout.AlreadyGivingError as error:
        already = render_template("billing/already_giving.html", subscription=error.subscription)
        return already, 409
    except checkout.LeavingError:
        flash(_("You asked us to delete your account. Keep it first, then give."))
        return redirect(url_for("privacy.privacy"), 303)
    except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
        log.error("no_checkout_page", reason=type(error).__name__)
        if isinstance(error, gateway.StripeRefusedError):
            # The same again would be refused again: the next try is another one.
            form.attempt.data = str(uuid4())
        return _form(form, is_stripe_away=True), 503


def _wish(form: GiftForm) -> checkout.Wish:
    assert form.gift is not None
    return checkout.Wish(
        attempt=form.attempt_id,
        interval=form.interval.data,
        gift=form.gift,
        email=form.email.data,
        language=current_language(),
        name=form.name.data or None,
        message=form.message.data or None,
        cover_fees=form.cover_fees.data,
        article=form.article.data or None,
        first_article=form.first_article.data or None,
        ask_variant_id=counting.number(form.variant.data or ""),
        account_id=current_user.id if current_user.is_authenticated else None,
    )


def _mail_link(form: GiftForm) -> ResponseReturnValue:
    assert form.gift is not None
    choices = {
        "interval": form.interval.data,
        "currency": form.gift.currency,
        "amount": f"{form.gift.major.normalize():f}",
    }
    if form.article.data:
        choices["article"] = form.article.data
    return mail_link(form.email.data, "billing.support", **choices)


def _asked_for() -> GiftForm:
    """The form with what the address asks for; what it does not know, it leaves out."""
    asked = request.args
    interval = asked.get("interval", "")
    form = GiftForm(formdata=None)
    form.interval.data = interval if interval in INTERVALS else "month"
    form.currency.data = asked.get("currency", "").upper()
    form.amount.data = ""
    form.email.data = own_email() or ""
    form.article.data = asked.get("article", asked.get("from", ""))
    form.attempt.data = str(uuid4())
    form.solution.data = asked.get("pass", "")
    if amount := asked.get("amount", ""):
        offered = offers(form.shown_currency)[form.interval.data]
        form.choose(amount, [each.gift for each in offered])
    return form


def _form(
    form: GiftForm, *, came_back: bool = False, is_stripe_away: bool = False, challenge: str = ""
) -> str:
    currency = form.shown_currency
    interval = form.interval.data if form.interval.data in INTERVALS else "month"
    presets = {each: form[f"preset_{each}"].data for each in INTERVALS}
    # Who sent an amount without a preset typed it.
    if form.amount.data and not presets[interval]:
        presets[interval] = "other"
    kept: dict[str, Any] = {"interval": interval}
    if form.article.data:
        kept["article"] = form.article.data
    if "pass" in request.args:
        kept["pass"] = request.args["pass"]
    return render_template(
        "billing/support.html",
        currency=currency,
        currencies=[
            (code, url_for("billing.support", currency=code, **kept))
            for code in settings().currencies
        ],
        offers=offers(currency),
        terms=terms(clock.now()),
        fee_note=fee_note(currency),
        fee_figures=fee_figures(currency),
        interval=interval,
        chosen={each: preset for each, preset in presets.items() if preset},
        values=form.data,
        errors=form.errors,
        article=form.article.data or "",
        attempt=str(form.attempt_id),
        came_back=came_back,
        is_stripe_away=is_stripe_away,
        challenge=challenge,
        came_by_mail="pass" in request.args,
        goes_at=_goes_at(),
    )


def _goes_at() -> datetime | None:
    """From when the reader's account will be deleted, if they are signed in and asked for it."""
    if not current_user.is_authenticated:
        return None
    with transaction() as session:
        return session.get_one(Account, current_user.id).delete_after_at


@blueprint.get("/support/thanks")
@access.anyone
def thanks() -> ResponseReturnValue:
    """Works before Stripe's event has come, and names nobody: whoever has the link sees it."""
    with transaction() as session:
        found = _checkout(session, request.args.get("checkout", ""))
    interval = found.interval if found else None
    purpose = found.purpose if found else None
    page = make_response(render_template("billing/thanks.html", interval=interval, purpose=purpose))
    if interval in ("month", "year"):
        cookies.mark_patron(page)
    forget_order()
    return page


def _checkout(session: Any, checkout_id: str) -> Checkout | None:
    try:
        found: Checkout | None = session.get(Checkout, UUID(checkout_id))
    except ValueError:
        return None
    return found


@blueprint.get("/account")
@access.signed_in
def overview() -> Response:
    """What I give: the next charge first, then what was given."""
    with transaction() as session:
        found = giving.of_account(session, current_user.id)
    page = make_response(_overview(found))
    (cookies.mark_patron if found.is_patron else cookies.unmark_patron)(page)
    return page


def _overview(found: giving.Giving, *, is_stripe_away: bool = False) -> str:
    about = shown(found.subscription) if found.subscription else {}
    return render_template(
        "billing/overview.html",
        giving=found,
        goes_at=_goes_at(),
        is_stripe_away=is_stripe_away,
        **about,
    )


@blueprint.post("/account/portal")
@access.signed_in
def portal() -> ResponseReturnValue:
    """On to Stripe's page for card, invoices and cancellation (rule B9)."""
    return _to_portal(to_mend_card=False)


@blueprint.post("/account/card")
@access.signed_in
def mend_card() -> ResponseReturnValue:
    """On to Stripe's page for a new card, and back."""
    return _to_portal(to_mend_card=True)


def _to_portal(to_mend_card: bool) -> ResponseReturnValue:
    with transaction() as session:
        found = giving.of_account(session, current_user.id)
        if found.subscription is not None:
            following.note_own_act(session, found.subscription.id)
    if found.subscription is None:
        return redirect(url_for("billing.overview"), 303)
    language = current_language()
    try:
        url = gateway.create_portal_session(
            found.subscription.stripe_customer_id,
            return_url=address("billing.overview", language),
            locale=checkout.stripe_locale(language),
            to_mend_card=to_mend_card,
        )
    except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
        log.error("no_portal_page", reason=type(error).__name__)
        return _overview(found, is_stripe_away=True), 503
    return redirect(url, 303)
