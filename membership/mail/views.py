"""What a reader decides about mail: one-click unsubscribing, and preferences per kind."""

from flask import (
    Blueprint,
    abort,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from membership.db import transaction
from membership.mail import kinds, refusals
from membership.web import access, csrf

blueprint = Blueprint("mail", __name__)


@blueprint.route("/unsubscribe/<token>", methods=["GET", "POST"])
@access.anyone
def unsubscribe(token: str) -> ResponseReturnValue:
    """GET shows a button and changes nothing; POST unsubscribes and may be repeated (RFC 8058).

    Neither needs or sets a cookie: mail programs post here by themselves.
    """
    with transaction() as session:
        found = refusals.subscriber(session, token)
        if found is None:
            abort(
                404, _("This link does not belong to one of our mails. It may have lost a letter.")
            )
        if request.method == "POST":
            refusals.refuse(session, found.address, found.kind.name)
    return render_template(
        "mail/unsubscribe.html", kind=found.kind, is_done=request.method == "POST"
    )


csrf.exempt(unsubscribe)


@blueprint.route("/account/mail", methods=["GET", "POST"])
@access.signed_in
def preferences() -> ResponseReturnValue:
    """Which kinds of mail the reader wants; form field `kind`, repeated."""
    with transaction() as session:
        if request.method == "POST":
            refusals.prefer(session, current_user.email, request.form.getlist("kind"))
            flash(_("Saved. This holds from now on."), "success")
            return redirect(url_for("mail.preferences"), 303)
        refused = refusals.refused(session, current_user.email)
    return render_template("mail/preferences.html", kinds=kinds.bulk_kinds(), refused=refused)
