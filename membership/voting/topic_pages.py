"""Pages of topics: all of them, one of them, suggesting and supporting."""

from flask import abort, flash, redirect, render_template, request
from flask import url_for as to
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from membership.articles.models import Article
from membership.db import transaction
from membership.voting import rounds, suggestions, topics
from membership.voting.eligibility import NotEligibleError
from membership.voting.forms import SuggestionForm
from membership.voting.models import Topic
from membership.voting.room import blueprint, is_patron, is_signed_in, sign_in_first
from membership.web import access
from membership.web.languages import current_language

# What no editor has let through is not for everyone to read.
UNREAD_OR_DECLINED = frozenset({"suggested", "rejected", "merged"})


@blueprint.get("/topics", endpoint="topics")
@access.anyone
def show_topics() -> str:
    """All topics by state; what patrons suggest is for patrons until it stands on a ballot."""
    with transaction() as session:
        may_vote = is_patron(session)
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
            waiting=suggestions.waiting(session) if may_vote or access.has_role() else [],
            own=suggestions.made_by(session, current_user.id) if is_signed_in() else [],
            is_patron=may_vote,
        )


@blueprint.get("/topics/<slug>")
@access.anyone
def topic(slug: str) -> ResponseReturnValue:
    with transaction() as session:
        found = topics.get(session, slug)
        may_vote = is_patron(session)
        stood_in = rounds.of_topic(session, found)
        # An editor has read what stands on a ballot, even before it opens.
        is_private = found.state in UNREAD_OR_DECLINED and not stood_in
        if is_private and not _may_see_suggestion(found, may_vote):
            if not is_signed_in():
                return sign_in_first(to("voting.topic", slug=slug))
            raise NotEligibleError
        return render_template(
            "voting/topic.html",
            topic=found,
            article=session.get(Article, found.article_id) if found.article_id else None,
            original=session.get(Topic, found.merged_into_id) if found.merged_into_id else None,
            rounds=stood_in,
            is_patron=may_vote,
            is_supporter=may_vote and suggestions.supports(session, found, current_user.id),
        )


@blueprint.route("/topics/suggest", methods=["GET", "POST"])
@access.signed_in
def suggest() -> ResponseReturnValue:
    """Fields `title` and `why`; `different` says that the look-alikes were seen."""
    form = SuggestionForm()
    with transaction() as session:
        if not is_patron(session):
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


def _may_see_suggestion(topic: Topic, may_vote: bool) -> bool:
    is_own = is_signed_in() and topic.suggested_by_id == current_user.id
    return may_vote or is_own or access.has_role()


def _suggestion_page(form: SuggestionForm, alike: list[Topic] | None = None) -> str:
    return render_template(
        "voting/suggest.html", form=form, alike=alike or [], most=suggestions.MOST_A_MONTH
    )
