"""What we keep of a person, and the way out: deleting one's account (rule S11)."""

import structlog
from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from membership.accounts.models import Account
from membership.billing import gateway, leaving
from membership.db import transaction
from membership.web import access

log = structlog.get_logger(__name__)
blueprint = Blueprint("privacy", __name__)


@blueprint.get("/account/privacy")
@access.signed_in
def privacy() -> str:
    """What is kept; when the account will be deleted, if that was asked, and the way back."""
    with transaction() as session:
        delete_after_at = session.get_one(Account, current_user.id).delete_after_at
    still_runs = delete_after_at is not None and bool(leaving.running(current_user.id))
    return render_template(
        "billing/privacy.html", delete_after_at=delete_after_at, still_runs=still_runs
    )


@blueprint.route("/account/privacy/delete", methods=["GET"])
@access.signed_in
def about_deleting() -> str:
    """What will happen, before the button."""
    return render_template(
        "billing/delete_account.html", gives=bool(leaving.running(current_user.id))
    )


@blueprint.post("/account/privacy/delete")
@access.signed_in
def delete() -> ResponseReturnValue:
    """Ask for deletion; what still charges is ended right now, or as soon as Stripe answers."""
    try:
        leaving.ask(current_user.id)
    except leaving.StaffCannotLeaveError:
        abort(409, _("You work here. Once an admin has taken your role away, you can go."))
    try:
        leaving.end_support(current_user.id)
    except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
        log.error("support_not_ended_yet", account=current_user.id, reason=type(error).__name__)
    return redirect(url_for("privacy.privacy"), 303)


@blueprint.post("/account/privacy/keep")
@access.signed_in
def keep() -> ResponseReturnValue:
    """Take the deletion back."""
    if leaving.take_back(current_user.id):
        flash(
            _("Your account stays. What you gave regularly has ended; you can begin anew."),
            "success",
        )
    return redirect(url_for("privacy.privacy"), 303)
