"""Suggesting a topic, and supporting one that is there already."""

from flask import abort, flash, redirect, render_template, request
from flask import url_for as to
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session

from membership.db import transaction
from membership.voting import following, suggestions, topics
from membership.voting.eligibility import NotEligibleError
from membership.voting.forms import LONGEST_TITLE, SuggestionForm, one_line
from membership.voting.room import blueprint, is_patron, is_signed_in, sign_in_first
from membership.voting.suggestions import Suggestion
from membership.web import access
from membership.web.languages import current_language

# Fewer letters look like everything.
SHORTEST_TITLE = 3


@blueprint.route("/topics/suggest", methods=["GET", "POST"])
@access.signed_in
def suggest() -> ResponseReturnValue:
    """Fields `title`, `why`, `links`, `follow`; `different` is the title whose look-alikes were
    seen: only then it is suggested beside them.
    """
    form = SuggestionForm()
    with transaction() as session:
        if not is_patron(session):
            raise NotEligibleError
        if not form.validate_on_submit():
            return _page(form), 400 if form.errors else 200
        me, title, why, links = current_user.id, form.title.data, form.why.data, form.addresses
        alike = suggestions.look_alikes(session, title)
        is_new = suggestions.made_before(session, me, title, why, links) is None
        if is_new and alike and one_line(request.form.get("different")) != title:
            return _page(form, **_alike(session, title, alike))
        try:
            made = suggestions.suggest(session, me, title, why, current_language(), links)
        except suggestions.TooManySuggestionsError:
            form.form_errors.append(_too_many())
            return _page(form, **_alike(session, title, alike)), 429
        if form.follow.data:
            following.follow(session, [made.id], current_user.id)
    flash(_("Thank you. An editor reads every suggestion; you find it here."), "success")
    return redirect(to("voting.topic", slug=made.slug), 303)


@blueprint.get("/topics/alike")
@access.signed_in
def alike() -> ResponseReturnValue:
    """A piece of HTML: topics that look like `title`; empty when there are none. For patrons."""
    title = one_line(request.args.get("title"))
    if len(title) > LONGEST_TITLE:
        abort(400, _("Titles have up to %(most)s characters.", most=LONGEST_TITLE))
    with transaction() as session:
        if not is_patron(session):
            raise NotEligibleError
        found = suggestions.look_alikes(session, title) if len(title) >= SHORTEST_TITLE else []
        return render_template("voting/_alike.html", **_alike(session, title, found))


@blueprint.post("/topics/<slug>/support")
@access.anyone
def support_topic(slug: str) -> ResponseReturnValue:
    if not is_signed_in():
        return sign_in_first(to("voting.topic", slug=slug))
    with transaction() as session:
        suggestions.support(session, topics.get(session, slug), current_user.id)
    flash(_("We have noted that you want this, too."), "success")
    return redirect(to("voting.topic", slug=slug), 303)


@blueprint.post("/topics/<slug>/unsupport")
@access.anyone
def unsupport_topic(slug: str) -> ResponseReturnValue:
    if not is_signed_in():
        return sign_in_first(to("voting.topic", slug=slug))
    with transaction() as session:
        suggestions.unsupport(session, topics.get(session, slug), current_user.id)
    flash(_("You no longer support this topic."), "success")
    return redirect(to("voting.topic", slug=slug), 303)


def _page(form: SuggestionForm, **seen: object) -> str:
    return render_template(
        "voting/suggest.html", form=form, most=suggestions.MOST_A_MONTH, **({"alike": []} | seen)
    )


def _alike(session: Session, title: str, found: list[Suggestion]) -> dict[str, object]:
    ids = [each.topic.id for each in found]
    supported = suggestions.supported(session, current_user.id, ids)
    return {"title": title, "alike": found, "supported": supported}


def _too_many() -> str:
    said: str = _(
        "You have suggested %(most)s topics in the last 30 days. Keep this one for a "
        "little later, or support a topic that is there already.",
        most=suggestions.MOST_A_MONTH,
    )
    return said
