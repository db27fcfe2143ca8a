"""The forms of a year for somebody else and of the pool, on to Stripe's page."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import structlog
from flask import Response, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from flask_login import current_user

from config.settings import settings
from membership import clock
from membership.billing import checkout, gateway
from membership.billing.defence import gate
from membership.billing.defence.views import mail_link
from membership.billing.forms import own_email
from membership.billing.gifts import pool
from membership.billing.gifts.blueprint import blueprint
from membership.billing.gifts.forms import AT_MOST_AHEAD, OnceForm, YearForm
from membership.billing.offers import Offer, fee_figures, fee_note, offers, terms
from membership.web import access
from membership.web.languages import current_language, language_choices

log = structlog.get_logger(__name__)

# What was typed, kept by the browser while it is at Stripe's page: whom a gift is for stands in
# no address.
KEPT = "gift_order"
KEPT_FIELDS = (
    "recipient_email", "recipient_name", "name", "letter", "letter_language", "send_on"
)  # fmt: skip
Page = Callable[..., str]


@blueprint.route("/support/gift", methods=["GET", "POST"])
@access.anyone
def give_year() -> ResponseReturnValue:
    """A year for somebody else; fields as in YearForm."""
    if request.method != "POST":
        form = YearForm(formdata=None)
        form.letter_language.data = current_language()
        form.send_on.data = clock.newsroom_day().isoformat()
        came_back = "back" in request.args
        if came_back or "pass" in request.args:
            for name, typed in session.get(KEPT, {}).items():
                form[name].data = typed
        return _first_page(_year_page(_asked_for(form, _years), came_back=came_back))
    form = YearForm()
    form.own_email = own_email()
    if not form.validate_on_submit():
        return _year_page(form), 422
    session[KEPT] = {name: form[name].data for name in KEPT_FIELDS}
    return _go_to_pay(form, _wish(form, "gift", order=form.order), _year_page)


def forget_order() -> None:
    """Let this browser forget whom its last gift was for, once that is paid."""
    if KEPT in session:
        del session[KEPT]


@blueprint.route("/support/pool", methods=["GET", "POST"])
@access.anyone
def give_to_pool() -> ResponseReturnValue:
    """A coffee for someone who cannot pay; fields as in the support form."""
    if request.method != "POST":
        form = _asked_for(OnceForm(formdata=None), _coffees)
        return _first_page(_pool_page(form, came_back="back" in request.args))
    form = OnceForm()
    form.own_email = own_email()
    if not form.validate_on_submit():
        return _pool_page(form), 422
    said = {"name": form.name.data or None, "message": form.message.data or None}
    return _go_to_pay(form, _wish(form, "pool", **said), _pool_page)


def _years(currency: str) -> Sequence[Offer]:
    return offers(currency)["year"]


def _coffees(currency: str) -> Sequence[Offer]:
    """What one month, and a few, cost for somebody else."""
    coffee = pool.coffee(currency).minor
    return [
        offer._replace(note=_months_for_one(offer.gift.minor // coffee))
        for offer in offers(currency)["once"]
    ]


def _months_for_one(months: int) -> str:
    return str(ngettext("A month for one reader.", "%(num)d months of coffee for readers.", months))


def _asked_for(form: OnceForm, offered: Callable[[str], Sequence[Offer]]) -> Any:
    """`form` with the currency and amount that the address asks for."""
    form.interval.data = "once"
    form.currency.data = request.args.get("currency", "").upper()
    form.amount.data = ""
    form.email.data = own_email() or ""
    form.attempt.data = str(uuid4())
    form.solution.data = request.args.get("pass", "")
    if amount := request.args.get("amount", ""):
        form.choose(amount, [offer.gift for offer in offered(form.shown_currency)])
    return form


def _first_page(page: str) -> Response:
    """The form as it is opened; the address of one that was mailed is a secret."""
    response = make_response(page)
    if "pass" in request.args:
        response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _wish(form: OnceForm, purpose: str, **values: Any) -> checkout.Wish:
    assert form.gift is not None
    return checkout.Wish(
        attempt=form.attempt_id,
        interval="once",
        gift=form.gift,
        email=form.email.data,
        language=current_language(),
        cover_fees=form.cover_fees.data,
        account_id=current_user.id if current_user.is_authenticated else None,
        purpose=purpose,
        **values,
    )


def _go_to_pay(form: OnceForm, wish: checkout.Wish, page: Page) -> ResponseReturnValue:
    """On to Stripe's page, or the form again: when there is none, or for a proof (rule B16)."""
    if form.by_mail.data:
        chosen = {"currency": wish.gift.currency, "amount": f"{wish.gift.major.normalize():f}"}
        return mail_link(wish.email, checkout.FORMS[wish.purpose], **chosen)
    try:
        gate.admit(wish.email, request.remote_addr or "", form.solution.data)
        return redirect(checkout.start(wish), 303)
    except gate.ChallengeNeededError as error:
        return page(form, challenge=error.challenge), 429
    except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
        log.error("no_checkout_page", reason=type(error).__name__)
        if isinstance(error, gateway.StripeRefusedError):
            # The same again would be refused again: the next try is another one.
            form.attempt.data = str(uuid4())
        return page(form, is_stripe_away=True), 503


def _year_page(form: YearForm, **shown: Any) -> str:
    today = clock.newsroom_day()
    return _page(
        "year",
        form,
        _years,
        letter_languages=language_choices(),
        first_day=today.isoformat(),
        last_day=(today + AT_MOST_AHEAD).isoformat(),
        zone=settings().time_zone,
        **shown,
    )


def _pool_page(form: OnceForm, **shown: Any) -> str:
    return _page("pool", form, _coffees, **shown)


def _page(
    name: str, form: OnceForm, offered: Callable[[str], Sequence[Offer]], **shown: Any
) -> str:
    currency = form.shown_currency
    # Who sent an amount without a preset typed it.
    chosen = form.preset_once.data or ("other" if form.amount.data else "")
    kept: dict[str, Any] = {"pass": request.args["pass"]} if "pass" in request.args else {}
    return render_template(
        f"billing/gifts/{name}.html",
        currency=currency,
        currencies=[
            (code, url_for(str(request.endpoint), currency=code, **kept))
            for code in settings().currencies
        ],
        offers={"once": offered(currency)},
        terms=terms(clock.now()),
        fee_note=fee_note(currency),
        fee_figures=fee_figures(currency),
        chosen={"once": chosen} if chosen else {},
        values=form.data,
        errors=form.errors,
        attempt=str(form.attempt_id),
        came_by_mail=bool(kept),
        **shown,
    )
