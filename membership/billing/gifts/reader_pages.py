"""Taking a gift, what an account gave and got, and other ways to support."""

from flask import (
    Response,
    abort,
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

from membership.accounts import accounts
from membership.accounts.forms import SignInForm
from membership.accounts.views import send_link
from membership.billing import giving, links
from membership.billing.gifts import given, redeeming, ways
from membership.billing.gifts.blueprint import blueprint
from membership.billing.gifts.models import Gift, OtherWay
from membership.billing.gifts.reference import reference
from membership.db import transaction
from membership.web import access, cookies
from membership.web.headers import keep_public
from membership.web.languages import current_language


@blueprint.route("/gift/<token>", methods=["GET", "POST"])
@access.anyone
def take(token: str) -> ResponseReturnValue:
    """GET shows the gift and changes nothing; POST takes it, for who is signed in.

    Of others, POST asks for an address (field `email`) and mails a link to it, which leads back.
    """
    with transaction() as database:
        try:
            gift = redeeming.of_link(database, token)
        except links.BadLinkError:
            abort(404, _("This link opens no gift. It may have lost a letter on its way."))
    is_here = current_user.is_authenticated
    if is_here and gift.state == "redeemed" and gift.account_id == current_user.id:
        return redirect(url_for("gifts.overview"))
    if request.method != "POST" or gift.state != "sent":
        return _gift_page(gift)
    return _take(gift) if is_here else _sign_in_for(gift)


def _take(gift: Gift) -> ResponseReturnValue:
    try:
        with transaction() as database:
            redeeming.take(database, gift.id, current_user.id)
    except redeeming.NotToBeTakenError as error:
        return _gift_page(error.gift)
    flash(_("The gift is yours. Welcome among our patrons."), "success")
    page = redirect(url_for("gifts.overview"), 303)
    cookies.mark_patron(page)
    return page


def _sign_in_for(gift: Gift) -> ResponseReturnValue:
    """Who holds the link may take the gift with any address, if it is theirs."""
    form = SignInForm()
    if not form.validate_on_submit():
        return _gift_page(gift, form)
    with transaction() as database:
        accounts.ensure(database, form.email.data, current_language())
    return send_link(form.email.data, request.script_root + request.path)


def _gift_page(gift: Gift, form: SignInForm | None = None) -> Response:
    status = {"sent": 200, "redeemed": 410, "taken_back": 410}.get(gift.state, 404)
    mine = follows = None
    if current_user.is_authenticated:
        with transaction() as database:
            mine = giving.of_account(database, current_user.id)
            follows = redeeming.lasts_until(database, current_user.id)
    page = render_template(
        "billing/gifts/take.html", gift=gift, form=form or SignInForm(), mine=mine, follows=follows
    )
    return make_response(page, 422 if form else status)


@blueprint.get("/account/gifts")
@access.signed_in
def overview() -> str:
    """Gifts that I gave and got, and what I write on a transfer."""
    with transaction() as database:
        gave = given.by_account(database, current_user.id)
        got = given.to_account(database, current_user.id)
    return render_template(
        "billing/gifts/overview.html", gave=gave, got=got, reference=reference(current_user.id)
    )


@blueprint.get("/support/other-ways")
@access.anyone
def other_ways() -> Response:
    """The same bytes for everyone, so that any cache may keep it."""
    with transaction() as database:
        written_in, found = ways.shown(database, current_language())
    page = render_template(
        "billing/gifts/other_ways.html", ways=found, written_in=written_in, html=ways.html
    )
    return keep_public(make_response(page))


@blueprint.get("/support/other-ways/<int:way_id>.svg")
@access.anyone
def other_way_picture(way_id: int) -> Response:
    """The QR code of a wallet's address."""
    with transaction() as database:
        way = database.get(OtherWay, way_id)
    if way is None or not way.is_shown or way.kind != "crypto":
        abort(404)
    return keep_public(Response(ways.picture(way), mimetype="image/svg+xml"))
