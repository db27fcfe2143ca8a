"""Asking for the link that leads to a payment page without JavaScript."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from membership.billing.defence import passes
from membership.db import transaction
from membership.web import access
from membership.web.languages import current_language

blueprint = Blueprint("defence", __name__)


@blueprint.get("/support/by-mail")
@access.anyone
def by_mail() -> str:
    """What to do now that the mail is under way; the same for every address."""
    return render_template("billing/by_mail.html", is_sent=True)


def mail_link(email: str, page: str, **choices: str) -> ResponseReturnValue:
    """The answer to a form that asks for the link: to `page` (an endpoint), with these choices."""
    network = request.remote_addr or ""
    with transaction() as session:
        is_sent = passes.send(session, email, network, current_language(), page, **choices)
    if is_sent:
        return redirect(url_for("defence.by_mail"), 303)
    return render_template("billing/by_mail.html", is_sent=False), 429
