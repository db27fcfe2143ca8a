"""Pages of changing the mail address (rule S5)."""

from datetime import timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from membership.accounts import address_changes, login
from membership.accounts.forms import AddressForm
from membership.db import transaction
from membership.mail import letters
from membership.web import access

blueprint = Blueprint("address", __name__)


@blueprint.route("/account/address", methods=["GET", "POST"])
@access.signed_in
def change() -> ResponseReturnValue:
    """Ask for another address (field `email`); who signed in long ago proves anew who they are.

    The answer is the same for every address, whether or not another account has it. What was
    typed stands in the form again after the new sign-in.
    """
    form = AddressForm(data={"email": login.typed()})
    is_sent = form.validate_on_submit()
    with transaction() as session:
        may_ask = address_changes.may_ask(session, current_user.token)
        if is_sent and may_ask:
            try:
                address_changes.ask(session, current_user.id, form.email.data)
                login.forget_typed()
                return redirect(url_for("accounts.address.change"), 303)
            except address_changes.SameAddressError:
                form.email.errors = [_("This is your address already.")]
            except address_changes.TooManyError:
                form.email.errors = [
                    _("We have sent enough mails for now. Look for the newest, or try tomorrow.")
                ]
        elif is_sent:
            login.keep_typed(form.email.data)
        asked = address_changes.asked(session, current_user.id)
    page = render_template(
        "accounts/address.html",
        form=form,
        may_ask=may_ask,
        asked=asked,
        minutes=address_changes.FRESH // timedelta(minutes=1),
        newsroom=letters.sender().addr_spec,
    )
    status = 400 if form.errors else 403 if is_sent else 200
    return page, status


@blueprint.route("/account/address/<token>", methods=["GET", "POST"])
@access.signed_in
def confirm(token: str) -> ResponseReturnValue:
    """Where the mailed link leads: GET shows a button, POST gives the account the address."""
    if request.method == "POST":
        new = _use(token)
        if new is not None:
            flash(_("Done. From now on you sign in as %(address)s.", address=new), "success")
            return redirect(url_for("accounts.profile"), 303)
    with transaction() as session:
        asked = address_changes.of_link(session, current_user.id, token)
    return render_template("accounts/address_confirm.html", asked=asked), 200 if asked else 410


def _use(token: str) -> str | None:
    try:
        with transaction() as session:
            return address_changes.change(session, current_user.id, token, current_user.token)
    except address_changes.TakenError:
        abort(409, _("This address has an account of its own by now. Yours stays as it was."))
