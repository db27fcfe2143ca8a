"""Pages of signing in and out, and the profile."""

import secrets

from flask import (
    Blueprint,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from membership.accounts import address_pages, login, sign_in_requests
from membership.accounts import sign_in as sign_ins
from membership.accounts.forms import ProfileForm, SignInForm
from membership.accounts.models import Account
from membership.accounts.sign_in_requests import Entered
from membership.db import transaction
from membership.web import access, cookies
from membership.web.languages import current_language

blueprint = Blueprint("accounts", __name__)
blueprint.register_blueprint(address_pages.blueprint)

BROWSER = "sign_in_browser"
ASKED_FOR = "sign_in_email"


@blueprint.route("/sign-in", methods=["GET", "POST"])
@access.anyone
def sign_in() -> ResponseReturnValue:
    """Ask for a mail with a link and a code: fields `email` and `next`, a path on this site.

    The answer is the same for every address, known or not, and when it was asked too often.
    """
    form = SignInForm(next=request.args.get("next"))
    wanted = login.local_path(form.next.data)
    if request.method == "GET" and current_user.is_authenticated:
        return redirect(wanted or _first_page(current_user.role))
    if not form.validate_on_submit():
        return render_template("accounts/sign_in.html", form=form), 400 if form.errors else 200
    return send_link(form.email.data, wanted)


def send_link(email: str, wanted: str | None) -> ResponseReturnValue:
    """Mail a link and a code to `email`, on to where the code is typed in; then to `wanted`."""
    browser = session.setdefault(BROWSER, secrets.token_urlsafe(32))
    session[ASKED_FOR] = email
    with transaction() as database:
        sign_in_requests.ask(database, email, browser, current_language(), wanted)
    return redirect(url_for("accounts.enter_code"), 303)


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
@access.anyone
def enter_code() -> ResponseReturnValue:
    """What to do now that a mail is under way; its code is typed in here (field `code`)."""
    if ASKED_FOR not in session:
        return redirect(url_for("accounts.sign_in"))
    problem = None
    if request.method == "POST":
        with transaction() as database:
            result = sign_in_requests.use_code(
                database, request.form.get("code", ""), session[BROWSER]
            )
        if isinstance(result, Entered):
            return _enter(result)
        problem = result
    page = render_template("accounts/code.html", email=session[ASKED_FOR], problem=problem)
    return page, 400 if problem else 200


@blueprint.route("/sign-in/<token>", methods=["GET", "POST"])
@access.anyone
def confirm(token: str) -> ResponseReturnValue:
    """GET shows a button and never uses the link up; POST signs in."""
    browser = session.get(BROWSER, "")
    with transaction() as database:
        if request.method == "POST":
            entered = sign_in_requests.use_link(database, token, browser)
            if entered is not None:
                return _enter(entered)
        state = sign_in_requests.look_at_link(database, token, browser)
    if state == "gone" and current_user.is_authenticated:
        # A second press on the button, or the link opened again: the reader is where they wanted.
        return redirect(_first_page(current_user.role), 303)
    status = {"ready": 200, "other browser": 403, "gone": 410}[state]
    return render_template("accounts/confirm.html", state=state), status


@blueprint.post("/sign-out")
@access.anyone
def sign_out() -> ResponseReturnValue:
    """End this browser's sign-in."""
    if current_user.is_authenticated:
        with transaction() as database:
            sign_ins.revoke(database, current_user.token)
    login.leave()
    page = redirect(f"{request.script_root}/", 303)
    # Who shares this browser need not learn that its last reader gives.
    cookies.unmark_patron(page)
    return page


@blueprint.post("/account/sign-out-everywhere")
@access.signed_in
def sign_out_everywhere() -> ResponseReturnValue:
    """End every sign-in of this account, in whatever browser."""
    with transaction() as database:
        sign_ins.revoke_all(database, current_user.id)
    login.leave()
    flash(_("You are signed out in every browser."), "success")
    page = redirect(url_for("accounts.sign_in"), 303)
    cookies.unmark_patron(page)
    return page


@blueprint.route("/account/profile", methods=["GET", "POST"])
@access.signed_in
def profile() -> ResponseReturnValue:
    """Name and language of the account (fields `name`, `language`)."""
    form = ProfileForm(data={"name": current_user.name, "language": current_user.language})
    if form.validate_on_submit():
        with transaction() as database:
            account = database.get_one(Account, current_user.id)
            account.name = form.name.data or None
            account.language = form.language.data
        flash(_("Saved."), "success")
        return redirect(url_for("accounts.profile"), 303)
    return render_template("accounts/profile.html", form=form), 400 if form.errors else 200


def _enter(entered: Entered) -> ResponseReturnValue:
    login.enter(entered.account, entered.token)
    return redirect(entered.next_path or _first_page(entered.account.role), 303)


def _first_page(role: str | None) -> str:
    return f"{request.script_root}/staff/" if role else f"{request.script_root}/account"
