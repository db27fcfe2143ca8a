"""Pages of the vote: topics, suggesting and supporting them, the ballot, the result."""

from typing import Any

from flask import Blueprint, Response, abort, flash, jsonify, redirect, render_template, request
from flask import url_for as to
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, NotFound

from config.settings import settings
from membership.articles.models import Article
from membership.db import transaction
from membership.voting import export, paper, result, rounds, suggestions, topics
from membership.voting.eligibility import NotEligibleError, is_eligible
from membership.voting.forms import SuggestionForm
from membership.voting.models import Round, Topic
from membership.web import access, errors
from membership.web.languages import current_language

# What no editor has let through is not for everyone to read.
UNREAD_OR_DECLINED = frozenset({"suggested", "rejected", "merged"})
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


@blueprint.get("/topics", endpoint="topics")
@access.anyone
def show_topics() -> str:
    """All topics by state; what patrons suggest is for patrons until it stands on a ballot."""
    with transaction() as session:
        is_patron = _is_patron(session)
        return render_template(
            "voting/topics.html",
            running=[
                (round_, rounds.phase(session, round_))
                for round_ in rounds.in_states(session, "open", "closed")
            ],
            upcoming=rounds.in_states(session, "draft"),
            finished=rounds.in_states(session, "settled", "void", most=5),
            reported=topics.reported(session),
            at_work=topics.in_states(session, "assigned", "selected"),
            at_rest=topics.in_states(session, "not_selected", "dropped"),
            waiting=suggestions.waiting(session) if is_patron or access.has_role() else [],
            own=suggestions.made_by(session, current_user.id) if _is_signed_in() else [],
            is_patron=is_patron,
        )


@blueprint.get("/topics/<slug>")
@access.anyone
def topic(slug: str) -> ResponseReturnValue:
    with transaction() as session:
        found = topics.get(session, slug)
        is_patron = _is_patron(session)
        stood_in = rounds.of_topic(session, found)
        # An editor has read what stands on a ballot, even before it opens.
        is_private = found.state in UNREAD_OR_DECLINED and not stood_in
        if is_private and not _may_see_suggestion(found, is_patron):
            if not _is_signed_in():
                return _sign_in_first(to("voting.topic", slug=slug))
            raise NotEligibleError
        return render_template(
            "voting/topic.html",
            topic=found,
            article=session.get(Article, found.article_id) if found.article_id else None,
            original=session.get(Topic, found.merged_into_id) if found.merged_into_id else None,
            rounds=stood_in,
            is_patron=is_patron,
            is_supporter=is_patron and suggestions.supports(session, found, current_user.id),
        )


@blueprint.route("/topics/suggest", methods=["GET", "POST"])
@access.signed_in
def suggest() -> ResponseReturnValue:
    """Fields `title` and `why`; `different` says that the look-alikes were seen."""
    form = SuggestionForm()
    with transaction() as session:
        if not _is_patron(session):
            raise NotEligibleError
        if not form.validate_on_submit():
            return _suggestion_page(form), 400 if form.errors else 200
        alike = suggestions.look_alikes(session, form.title.data)
        if alike and "different" not in request.form:
            return _suggestion_page(form, alike)
        try:
            made = suggestions.suggest(
                session, current_user.id, form.title.data, form.why.data, current_language()
            )
        except suggestions.TooManySuggestionsError:
            abort(
                429,
                _(
                    "You have suggested %(most)s topics in the last 30 days. Keep this one for a "
                    "little later, or support a topic that is there already.",
                    most=suggestions.MOST_A_MONTH,
                ),
            )
        flash(_("Thank you. An editor reads every suggestion; you find it here."), "success")
        return redirect(to("voting.topic", slug=made.slug), 303)


@blueprint.post("/topics/<slug>/support")
@access.signed_in
def support_topic(slug: str) -> ResponseReturnValue:
    with transaction() as session:
        suggestions.support(session, topics.get(session, slug), current_user.id)
    flash(_("We have noted that you want this, too."), "success")
    return redirect(to("voting.topic", slug=slug), 303)


@blueprint.post("/topics/<slug>/unsupport")
@access.signed_in
def unsupport_topic(slug: str) -> ResponseReturnValue:
    with transaction() as session:
        suggestions.unsupport(session, topics.get(session, slug), current_user.id)
    flash(_("You no longer support this topic."), "success")
    return redirect(to("voting.topic", slug=slug), 303)


@blueprint.get("/rounds/<int:round_id>")
@access.anyone
def ballot(round_id: int) -> ResponseReturnValue:
    """The ballot: to fill in for patrons, to look at for everyone else."""
    with transaction() as session:
        round_ = rounds.get(session, round_id)
        if round_.state in ("settled", "void"):
            return redirect(to("voting.result", round_id=round_id))
        own = rounds.own_choices(session, round_id, current_user.id) if _is_signed_in() else []
        return _ballot_page(session, round_, own, has_voted=bool(own))


@blueprint.post("/rounds/<int:round_id>")
@access.anyone
def cast(round_id: int) -> ResponseReturnValue:
    """Field `choice`, a topic's id, repeated; whoever is not signed in signs in and comes back."""
    if not _is_signed_in():
        return _sign_in_first(to("voting.ballot", round_id=round_id))
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


def _is_signed_in() -> bool:
    return bool(current_user.is_authenticated)


def _is_patron(session: Session) -> bool:
    return _is_signed_in() and is_eligible(session, current_user.id)


def _may_see_suggestion(topic: Topic, is_patron: bool) -> bool:
    is_own = _is_signed_in() and topic.suggested_by_id == current_user.id
    return is_patron or is_own or access.has_role()


def _sign_in_first(and_then: str) -> ResponseReturnValue:
    return redirect(to("accounts.sign_in", next=and_then), 303)


def _suggestion_page(form: SuggestionForm, alike: list[Topic] | None = None) -> str:
    return render_template(
        "voting/suggest.html", form=form, alike=alike or [], most=suggestions.MOST_A_MONTH
    )


def _ballot_page(
    session: Session,
    round_: Round,
    chosen: list[int],
    *,
    has_voted: bool = False,
    problem: str | None = None,
) -> str:
    account_id = current_user.id if _is_signed_in() else None
    options = paper.options(session, round_.id)
    values: dict[str, Any] = {
        "round": round_,
        "phase": rounds.phase(session, round_),
        "options": paper.shuffled(options, round_.id, account_id, settings().secret_key),
        "chosen": chosen,
        "has_voted": has_voted,
        "is_patron": _is_patron(session),
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
