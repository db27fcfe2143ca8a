"""Pages of rounds: the ballot and the result."""

from typing import Any

from flask import flash, redirect, render_template, request
from flask import url_for as to
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session

from config.settings import settings
from membership.db import statements, transaction
from membership.voting import following, paper, result, rounds
from membership.voting.models import Round
from membership.voting.preferences import NotAPlaceError, SamePlaceError, by_place
from membership.voting.room import blueprint, is_patron, is_signed_in, may_vote, sign_in_first
from membership.web import access

PLACE = "place-"
REFUSALS = (
    rounds.RoundNotOpenError,
    rounds.InvalidChoicesError,
    NotAPlaceError,
    SamePlaceError,
)


@blueprint.get("/rounds/<int:round_id>")
@access.anyone
def ballot(round_id: int) -> ResponseReturnValue:
    """The ballot: to fill in for patrons, to look at for everyone else."""
    with transaction() as session:
        round_ = rounds.get(session, round_id)
        if round_.state in ("settled", "void"):
            return redirect(to("voting.result", round_id=round_id))
        return _ballot_page(session, round_)


@blueprint.post("/rounds/<int:round_id>")
@access.anyone
def cast(round_id: int) -> ResponseReturnValue:
    """Field `choice`, a topic's id, repeated; of a ranking in its order, or else the number of
    each topic's place in `place-<id>`. `follow`: tell me what becomes of what I choose.

    Whoever is not signed in signs in and comes back.
    """
    if not is_signed_in():
        return sign_in_first(to("voting.ballot", round_id=round_id))
    follows = "follow" in request.form
    try:
        choices = _choices()
        # Casting is one statement; only together with following is it more.
        with transaction() if follows else statements() as session:
            outcome = rounds.cast(session, round_id, current_user.id, choices)
            if follows:
                following.follow(session, choices, current_user.id)
    except REFUSALS as error:
        with transaction() as session:
            return _refused(session, rounds.get(session, round_id), error)
    said = {"cast": _("Your vote is in."), "changed": _("Your vote is changed.")}
    flash(said[outcome], "success")
    return redirect(to("voting.ballot", round_id=round_id), 303)


@blueprint.post("/rounds/<int:round_id>/withdraw")
@access.anyone
def withdraw(round_id: int) -> ResponseReturnValue:
    """Whoever is not signed in signs in and comes back to the ballot."""
    if not is_signed_in():
        return sign_in_first(to("voting.ballot", round_id=round_id))
    with transaction() as session:
        try:
            was_there = rounds.withdraw(session, round_id, current_user.id)
        except rounds.RoundNotOpenError as error:
            return _refused(session, rounds.get(session, round_id), error)
    if was_there:
        flash(_("Your vote is taken back. You can vote again while the round is open."), "success")
    else:
        flash(_("There was no vote to take back."), "info")
    return redirect(to("voting.ballot", round_id=round_id), 303)


@blueprint.get("/rounds/<int:round_id>/result", endpoint="result")
@access.anyone
def show_result(round_id: int) -> ResponseReturnValue:
    with transaction() as session:
        round_ = rounds.get(session, round_id)
        if round_.state not in ("settled", "void"):
            return redirect(to("voting.ballot", round_id=round_id))
        return render_template(
            "voting/result.html", round=round_, result=result.published(session, round_)
        )


def _ballot_page(session: Session, round_: Round, **refused: Any) -> str:
    """`refused`: what was sent and why it was not taken, see _refused()."""
    account_id = current_user.id if is_signed_in() else None
    own = rounds.own_choices(session, round_.id, account_id) if account_id else []
    options = paper.options(session, round_.id)
    can = may_vote(session, round_)
    ids = [topic.id for topic in options]
    values: dict[str, Any] = {
        "round": round_,
        "phase": rounds.phase(session, round_),
        "options": paper.shuffled(options, round_.id, account_id, settings().secret_key),
        "marks": _places(own),
        "has_voted": bool(own),
        "may_vote": can,
        "is_patron": can or is_patron(session),
        "followed": following.followed(session, account_id, ids) if account_id else set(),
    }
    return render_template("voting/ballot.html", **(values | refused))


def _refused(session: Session, round_: Round, error: Exception) -> ResponseReturnValue:
    """The ballot as it was sent, with one sentence; 409 when the round is not open."""
    phase = rounds.phase(session, round_)
    if phase == "open" and not isinstance(error, rounds.RoundNotOpenError):
        page = _ballot_page(
            session,
            round_,
            problem=_wrong_choices(round_, error),
            wrong_place=str(error.args[0]) if isinstance(error, SamePlaceError) else None,
            marks=_places(request.form.getlist("choice", _number)) or _entered(),
            follow="follow" in request.form,
        )
        return page, 422
    said = _("Voting has ended, so this came too late and nothing was changed.")
    if phase in ("upcoming", "open"):
        said = _("Voting had not opened yet, so nothing was changed.")
    return _ballot_page(session, round_, problem=said), 409


def _wrong_choices(round_: Round, error: Exception) -> str:
    said: str = _(
        "Choose at least one and at most %(most)s of the topics on this ballot.",
        most=round_.max_choices,
    )
    match error:
        case SamePlaceError(args=(place,)):
            said = _(
                "Two topics have place %(place)s: give each a place of its own. What you entered "
                "is still here.",
                place=place,
            )
        case NotAPlaceError():
            said = _("A place is a whole number: 1 for the topic you want most, then 2, and on.")
    return said


def _choices() -> list[int]:
    """Topic ids as they were sent; raises NotAPlaceError or SamePlaceError."""
    return request.form.getlist("choice", _number) or by_place(_entered())


def _entered() -> dict[int, str]:
    """What was entered as the place of each topic."""
    return {
        _number(name.removeprefix(PLACE)): place
        for name, place in request.form.items()
        if name.startswith(PLACE)
    }


def _places(choices: list[int]) -> dict[int, str]:
    return {topic_id: str(place) for place, topic_id in enumerate(choices, 1)}


def _number(text: str) -> int:
    """A topic's id; 0, which names no topic, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
