"""Asking for the weekly letter, and confirming that the address is one's own (rule M8)."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from membership.db import transaction
from membership.mail import letters
from membership.newsletter import asking
from membership.newsletter.forms import NewsletterForm
from membership.web import access, csrf
from membership.web.languages import current_language

blueprint = Blueprint("newsletter", __name__)


@blueprint.route("/newsletter/begin", methods=["GET", "POST"])
@access.anyone
def begin() -> ResponseReturnValue:
    """The form under a story leads here, with fields `email` and `article`.

    That page is the same bytes for everyone, so it has no CSRF token, and nothing is changed
    here: the form is shown again, filled in and with a token, for one press more. GET is of its
    links to other languages.
    """
    if request.method == "GET":
        return redirect(url_for("newsletter.newsletter"))
    form = NewsletterForm(meta={"csrf": False})
    return _page(form, is_ready=form.validate())


csrf.exempt(begin)


@blueprint.route("/newsletter", methods=["GET", "POST"])
@access.anyone
def newsletter() -> ResponseReturnValue:
    """Ask for the letter: the answer is the same for every address (rule S3)."""
    form = NewsletterForm()
    if not form.validate_on_submit():
        return _page(form)
    try:
        with transaction() as session:
            asking.ask(
                session,
                form.email.data,
                request.remote_addr or "",
                current_language(),
                form.article.data or "",
            )
    except asking.TooManyError:
        form.email.errors = [
            _("Many addresses have come from your network just now. Try again in an hour.")
        ]
        return _page(form, status=429)
    return redirect(url_for("newsletter.asked"), 303)


@blueprint.get("/newsletter/asked")
@access.anyone
def asked() -> str:
    """What to do now that a mail is under way."""
    return render_template("newsletter/asked.html")


@blueprint.route("/newsletter/confirm/<token>", methods=["GET", "POST"])
@access.anyone
def confirm(token: str) -> ResponseReturnValue:
    """GET shows a button and changes nothing; POST confirms and may be repeated."""
    with transaction() as session:
        act = asking.confirm if request.method == "POST" else asking.look
        state = act(session, token)
    if request.method == "POST" and state == "done":
        return redirect(url_for("newsletter.confirm", token=token), 303)
    page = render_template(
        "newsletter/confirm.html", state=state, newsroom=letters.sender().addr_spec
    )
    return page, 410 if state == "gone" else 200


def _page(
    form: NewsletterForm, *, is_ready: bool = False, status: int | None = None
) -> ResponseReturnValue:
    page = render_template("newsletter/form.html", form=form, is_ready=is_ready)
    return page, status or (400 if form.errors else 200)
