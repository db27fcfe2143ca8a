"""What a reader decides about mail: one-click unsubscribing, preferences per kind, pauses."""

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
from sqlalchemy.orm import Session

from membership.db import transaction
from membership.mail import letters, preferences, refusals, suppression, webhooks
from membership.mail.refusals import Subscriber
from membership.web import access, csrf
from membership.web.languages import current_language

blueprint = Blueprint("mail", __name__)
blueprint.register_blueprint(webhooks.blueprint)


@blueprint.route("/unsubscribe/<token>", methods=["GET", "POST"])
@access.anyone
def unsubscribe(token: str) -> ResponseReturnValue:
    """GET shows a button and changes nothing; POST unsubscribes and may be repeated (RFC 8058).

    Neither needs or sets a cookie, for mail programs post here by themselves; nor does their POST
    send them elsewhere, which they would not follow. The buttons of the page send `act`: refuse,
    undo, pause (with `length`, one of preferences.PAUSES) or resume, and lead back to the page.
    """
    with transaction() as session:
        found = refusals.subscriber(session, token)
        if found is None:
            newsroom = letters.sender().addr_spec
            return render_template("mail/unsubscribe_unknown.html", newsroom=newsroom), 404
        if request.method == "POST":
            act = request.form.get("act")
            _act(session, found, act or "refuse")
            if act is not None:
                return redirect(url_for("mail.unsubscribe", token=token, done=act), 303)
        pause = refusals.find_pause(session, found.address)
        refused = found.kind.name in refusals.refused(session, found.address)
    done = request.args.get("done")
    return render_template(
        "mail/unsubscribe.html", kind=found.kind, refused=refused, pause=pause, done=done
    )


csrf.exempt(unsubscribe)


def _act(session: Session, reader: Subscriber, act: str) -> None:
    match act:
        case "refuse":
            refusals.refuse(session, reader.address, reader.kind.name)
        case "undo":
            refusals.accept(session, reader.address, reader.kind.name)
            if reader.kind.opt_in:
                reader.kind.opt_in.join(session, reader.address, current_language())
        case "pause":
            _pause(session, reader.address)
        case "resume":
            refusals.unpause(session, reader.address)
        case _:
            abort(400, _("This page has no such button."))


@blueprint.route("/account/mail", methods=["GET", "POST"])
@access.signed_in
def mail_preferences() -> ResponseReturnValue:
    """Which kinds of mail the reader wants; form fields as of _choose()."""
    with transaction() as session:
        if request.method == "POST":
            _choose(session)
            return _saved(_("Saved. This holds from now on."))
        return render_template(
            "mail/preferences.html",
            choices=preferences.choices(session, current_user.email),
            pause=refusals.find_pause(session, current_user.email),
            suppressed=suppression.of(session, current_user.email),
            newsroom=letters.sender().addr_spec,
        )


@blueprint.post("/account/mail/pause")
@access.signed_in
def pause() -> ResponseReturnValue:
    """No mail but what always comes, for a `length` of preferences.PAUSES; keeps what is ticked."""
    with transaction() as session:
        _choose(session)
        _pause(session, current_user.email)
    return _saved(_("Nothing but what you need to have comes now."))


@blueprint.post("/account/mail/resume")
@access.signed_in
def resume() -> ResponseReturnValue:
    """End a pause."""
    with transaction() as session:
        refusals.unpause(session, current_user.email)
    return _saved(_("Our mails come again, as you have chosen below."))


def _choose(session: Session) -> None:
    """Do what differs from what the page showed: another tab or a link may have said more since.

    Form fields, each repeated: `kind`, which are ticked; `on` and `off`, which were or were not.
    """
    ticked, on, off = (set(request.form.getlist(name)) for name in ("kind", "on", "off"))
    address, language = current_user.email, current_language()
    preferences.choose(session, address, begun=ticked & off, ended=on - ticked, language=language)


def _pause(session: Session, address: str) -> None:
    length = request.form.get("length", "")
    if length not in preferences.PAUSES:
        abort(400, _("Choose how long we should be silent."))
    preferences.pause(session, address, length)


def _saved(sentence: str) -> ResponseReturnValue:
    flash(sentence, "success")
    return redirect(url_for("mail.mail_preferences"), 303)
