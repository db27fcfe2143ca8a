"""Pages of rounds: the ballot, the result, and the result to take away."""

from typing import Any

from flask import Response, abort, flash, jsonify, redirect, render_template, request
from flask import url_for as to
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session

from config.settings import settings
from membership.db import transaction
from membership.voting import export, paper, result, rounds
from membership.voting.models import Round
from membership.voting.room import blueprint, is_patron, is_signed_in, sign_in_first
from membership.web import access


@blueprint.get("/rounds/<int:round_id>")
@access.anyone
def ballot(round_id: int) -> ResponseReturnValue:
    """The ballot: to fill in for patrons, to look at for everyone else."""
    with transaction() as session:
        round_ = rounds.get(session, round_id)
        if round_.state in ("settled", "void"):
            return redirect(to("voting.result", round_id=round_id))
        own = rounds.own_choices(session, round_id, current_user.id) if is_signed_in() else []
        return _ballot_page(session, round_, own, has_voted=bool(own))


@blueprint.post("/rounds/<int:round_id>")
@access.anyone
def cast(round_id: int) -> ResponseReturnValue:
    """Field `choice`, a topic's id, repeated; whoever is not signed in signs in and comes back."""
    if not is_signed_in():
        return sign_in_first(to("voting.ballot", round_id=round_id))
    choices = [_number(choice) for choice in request.form.getlist("choice")]
    with transaction() as session:
        try:
            outcome = rounds.cast(session, round_id, current_user.id, choices)
        except rounds.InvalidChoicesError:
            round_ = rounds.get(session, round_id)
            return _ballot_page(session, round_, choices, problem=_wrong_choices(round_)), 422
    said = {"cast": _("Your vote is in."), "changed": _("Your vote is changed.")}
    flash(said[outcome], "success")
    return redirect(to("voting.ballot", round_id=round_id), 303)


@blueprint.post("/rounds/<int:round_id>/withdraw")
@access.signed_in
def withdraw(round_id: int) -> ResponseReturnValue:
    with transaction() as session:
        rounds.withdraw(session, round_id, current_user.id)
    flash(_("Your vote is taken back. You can vote again while the round is open."), "success")
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


@blueprint.get("/rounds/<int:round_id>/export.json")
@access.anyone
def export_round(round_id: int) -> Response:
    """The settled round without names, for `flask voting verify`; 404 when too few voted."""
    with transaction() as session:
        try:
            exported = export.export(session, rounds.get(session, round_id))
        except export.NotSettledError:
            abort(404)
    if len(exported["ballots"]) < export.FEWEST_TO_SHOW:
        abort(404)
    answer = jsonify(exported)
    answer.headers["Content-Disposition"] = f'attachment; filename="round-{round_id}.json"'
    return answer


def _ballot_page(
    session: Session,
    round_: Round,
    chosen: list[int],
    *,
    has_voted: bool = False,
    problem: str | None = None,
) -> str:
    account_id = current_user.id if is_signed_in() else None
    options = paper.options(session, round_.id)
    values: dict[str, Any] = {
        "round": round_,
        "phase": rounds.phase(session, round_),
        "options": paper.shuffled(options, round_.id, account_id, settings().secret_key),
        "chosen": chosen,
        "has_voted": has_voted,
        "is_patron": is_patron(session),
        "problem": problem,
    }
    return render_template("voting/ballot.html", **values)


def _wrong_choices(round_: Round) -> str:
    said: str = _(
        "Choose at least one and at most %(most)s of the topics on this ballot.",
        most=round_.max_choices,
    )
    return said


def _number(text: str) -> int:
    """A topic's id; 0, which names no topic, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
