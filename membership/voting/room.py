"""What all pages of the vote share: their blueprint, its errors, and who is looking."""

from flask import Blueprint, redirect, render_template
from flask import url_for as to
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, NotFound

from membership.voting import following, rounds, suggestions, topics
from membership.voting.eligibility import NotEligibleError, is_eligible
from membership.voting.models import Round, Topic
from membership.web import access, errors

blueprint = Blueprint("voting", __name__)


@blueprint.errorhandler(topics.TopicNotFoundError)
@blueprint.errorhandler(rounds.RoundNotFoundError)
def _not_here(_error: LookupError) -> ResponseReturnValue:
    return errors.show_http_error(NotFound())


@blueprint.errorhandler(NotEligibleError)
def _for_patrons(_error: NotEligibleError) -> ResponseReturnValue:
    return render_template("voting/for_patrons.html"), 403


@blueprint.errorhandler(suggestions.NotASuggestionError)
def _moved_on(_error: suggestions.NotASuggestionError) -> ResponseReturnValue:
    said = _("This topic has moved on since you looked. Open its page to see where it stands.")
    return errors.show_http_error(Conflict(said))


def is_signed_in() -> bool:
    return bool(current_user.is_authenticated)


def is_patron(session: Session) -> bool:
    return is_signed_in() and is_eligible(session, current_user.id)


def may_vote(session: Session, round_: Round) -> bool:
    """In this round: who came in from elsewhere while it is open votes in the next."""
    return is_signed_in() and is_eligible(session, current_user.id, round_.opens_at)


def may_read(session: Session, topic: Topic) -> bool:
    """Everybody reads what an editor has let through or put on a ballot.

    What nobody has read, and what was declined, is for patrons, for whoever suggested or follows
    it, and for staff.
    """
    was_let_through = topic.approved_at is not None and topic.state != "rejected"
    if was_let_through or rounds.of_topic(session, topic):
        return True
    if not is_signed_in():
        return False
    return bool(
        access.has_role()
        or topic.suggested_by_id == current_user.id
        or is_patron(session)
        or following.followed(session, current_user.id, [topic.id])
    )


def sign_in_first(and_then: str) -> ResponseReturnValue:
    return redirect(to("accounts.sign_in", next=and_then), 303)
