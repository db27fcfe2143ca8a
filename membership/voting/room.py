"""What all pages of the vote share: their blueprint, its errors, and who is looking."""

from flask import Blueprint, redirect, render_template
from flask import url_for as to
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, NotFound

from membership.voting import rounds, suggestions, topics
from membership.voting.eligibility import NotEligibleError, is_eligible
from membership.web import errors

blueprint = Blueprint("voting", __name__)


@blueprint.errorhandler(topics.TopicNotFoundError)
@blueprint.errorhandler(rounds.RoundNotFoundError)
def _not_here(_error: LookupError) -> ResponseReturnValue:
    return errors.show_http_error(NotFound())


@blueprint.errorhandler(NotEligibleError)
def _for_patrons(_error: NotEligibleError) -> ResponseReturnValue:
    return render_template("voting/for_patrons.html"), 403


@blueprint.errorhandler(rounds.RoundNotOpenError)
def _not_open(_error: rounds.RoundNotOpenError) -> ResponseReturnValue:
    said = _("This round is not open for votes, so nothing was changed. Look at its page again.")
    return errors.show_http_error(Conflict(said))


@blueprint.errorhandler(suggestions.NotASuggestionError)
def _moved_on(_error: suggestions.NotASuggestionError) -> ResponseReturnValue:
    said = _("This topic has moved on since you looked. Open its page to see where it stands.")
    return errors.show_http_error(Conflict(said))


def is_signed_in() -> bool:
    return bool(current_user.is_authenticated)


def is_patron(session: Session) -> bool:
    return is_signed_in() and is_eligible(session, current_user.id)


def sign_in_first(and_then: str) -> ResponseReturnValue:
    return redirect(to("accounts.sign_in", next=and_then), 303)
