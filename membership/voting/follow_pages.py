"""Following a topic, and a reader's own topics."""

from flask import abort, flash, redirect, render_template, request
from flask import url_for as to
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from membership.db import transaction
from membership.voting import following, suggestions, topics
from membership.voting.eligibility import NotEligibleError
from membership.voting.room import blueprint, is_signed_in, may_read, sign_in_first
from membership.web import access


@blueprint.post("/topics/<slug>/follow")
@access.anyone
def follow_topic(slug: str) -> ResponseReturnValue:
    """For everyone who is signed in and may read the topic; others sign in and come back."""
    if not is_signed_in():
        return sign_in_first(to("voting.topic", slug=slug))
    with transaction() as session:
        topic = topics.get(session, slug)
        if not may_read(session, topic):
            raise NotEligibleError
        if not following.follow(session, [topic.id], current_user.id):
            abort(409, _("This topic has come to its end: there is nothing more to tell."))
    flash(_("We write to you when something comes of it."), "success")
    return redirect(to("voting.topic", slug=slug), 303)


@blueprint.post("/topics/<slug>/unfollow")
@access.signed_in
def unfollow_topic(slug: str) -> ResponseReturnValue:
    """Field `from`: `account` when asked on the page of a reader's own topics, and back there."""
    with transaction() as session:
        topic = topics.get(session, slug)
        following.unfollow(session, topic.id, current_user.id)
        goes_back = request.form.get("from") != "account" and may_read(session, topic)
    flash(_("You no longer follow this topic."), "success")
    return redirect(to("voting.topic", slug=slug) if goes_back else to("voting.own_topics"), 303)


@blueprint.get("/account/topics")
@access.signed_in
def own_topics() -> str:
    """What the account suggested and follows, and what became of it."""
    with transaction() as session:
        return render_template(
            "voting/own.html",
            suggested=suggestions.made_by(session, current_user.id),
            followed=following.followed_by(session, current_user.id),
            goes_on=following.GOES_ON,
        )
