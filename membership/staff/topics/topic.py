"""One topic: each step on its way to a story (rule V10), refused when it was seen otherwise."""

from collections.abc import Callable
from typing import Any

from flask import flash, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from membership.accounts.models import Account
from membership.articles.models import Article
from membership.db import lock, transaction
from membership.staff.forms import AssignForm, MergeForm, ReasonForm
from membership.staff.room import EDITORS, back_to, blueprint, found, me
from membership.staff.topics.topic_page import page, the_topic, writers
from membership.staff.topics.topics import QUEUES
from membership.voting import lifecycle, moderation
from membership.voting import topics as voting
from membership.voting.forms import TopicWords
from membership.voting.models import Topic
from membership.voting.paper import InvalidRoundError
from membership.web import access

Answer = Response | tuple[str, int]
# Says what was done.
Act = Callable[[Session, Topic], Any]


class ChangedMeanwhileError(ValueError):
    """Whoever acts on a topic has not seen what it is now."""


_REFUSED = (
    ChangedMeanwhileError,
    lifecycle.ForbiddenTransitionError,
    lifecycle.MissingReasonError,
    lifecycle.MissingArticleError,
    lifecycle.MissingOriginalError,
    moderation.WordsStandError,
    voting.ArticleTakenError,
    InvalidRoundError,
)


@blueprint.post("/topics/<int:topic_id>/approve")
@access.staff(*EDITORS)
def approve(topic_id: int) -> Answer:
    def act(session: Session, topic: Topic) -> Any:
        moderation.approve(session, topic, me())
        return _("Approved: everybody may read it now, and it may stand in a round.")

    return _change(topic_id, None, act)


@blueprint.post("/topics/<int:topic_id>/edit", endpoint="edit_topic")
@access.staff(*EDITORS)
def edit(topic_id: int) -> Answer:
    form = TopicWords()

    def act(session: Session, topic: Topic) -> Any:
        changed = moderation.edit(
            session,
            topic,
            me(),
            title=form.title.data,
            why=form.why.data,
            links=form.addresses,
        )
        return _("The new words stand.") if changed else _("These are the words it has already.")

    return _change(topic_id, form, act)


@blueprint.post("/topics/<int:topic_id>/reject")
@access.staff(*EDITORS)
def reject(topic_id: int) -> Answer:
    form = ReasonForm()

    def act(session: Session, topic: Topic) -> Any:
        voting.change_state(session, topic, "rejected", me(), reason=form.reason.data)
        return _("The suggestion has been declined.")

    return _change(topic_id, form, act)


@blueprint.post("/topics/<int:topic_id>/drop")
@access.staff(*EDITORS)
def drop(topic_id: int) -> Answer:
    form = ReasonForm()

    def act(session: Session, topic: Topic) -> Any:
        voting.change_state(session, topic, "dropped", me(), reason=form.reason.data)
        return _("The topic has been dropped.")

    return _change(topic_id, form, act)


@blueprint.post("/topics/<int:topic_id>/merge")
@access.staff(*EDITORS)
def merge(topic_id: int) -> Answer:
    form = MergeForm()

    def act(session: Session, topic: Topic) -> Any:
        wanted = (form.original.data or "").strip().rstrip("/").rpartition("/")[2]
        original = session.scalar(select(Topic).where(Topic.slug == wanted))
        if original is None:
            raise lifecycle.MissingOriginalError
        voting.merge(session, topic, original, me())
        return _("Both topics are one now.")

    return _change(topic_id, form, act)


@blueprint.post("/topics/<int:topic_id>/assign")
@access.staff(*EDITORS)
def assign(topic_id: int) -> Answer:
    form = _assign_form()

    def act(session: Session, topic: Topic) -> Any:
        writer = session.get_one(Account, form.reporter.data)
        reason, due_on = form.reason.data or None, form.due_on.data
        voting.assign(session, topic, writer, me(), due_on=due_on, reason=reason)
        return _("The story has been assigned.")

    return _change(topic_id, form, act)


@blueprint.post("/topics/<int:topic_id>/reassign")
@access.staff(*EDITORS)
def reassign(topic_id: int) -> Answer:
    form = _assign_form()

    def act(session: Session, topic: Topic) -> Any:
        writer = session.get_one(Account, form.reporter.data)
        moderation.reassign(session, topic, writer, me(), due_on=form.due_on.data)
        return _("Who writes the story, and until when, is as you say.")

    return _change(topic_id, form, act)


@blueprint.post("/topics/<int:topic_id>/publish/<int:article_id>")
@access.staff(*EDITORS)
def publish(topic_id: int, article_id: int) -> Answer:
    def act(session: Session, topic: Topic) -> Any:
        voting.publish(session, topic, found(session.get(Article, article_id)), me())
        return _("Published. Whoever voted or follows the topic will be told by mail.")

    return _change(topic_id, None, act)


def _change(topic_id: int, form: Any, act: Act) -> Answer:
    """Do `act` and look at the topic again; or say what is wrong, with nothing changed.

    Who acts on a topic waits for whoever acts on it already, and is then refused if `seen`, which
    each form brings along, is not its fingerprint any more.
    """
    with transaction() as session:
        lock(session, f"topic:{topic_id}")
        topic = the_topic(session, topic_id)
        if form is not None and not form.validate_on_submit():
            said = [str(error) for errors in form.errors.values() for error in errors]
            return page(session, topic, refused=" ".join(said)), 422
        try:
            with session.begin_nested():
                now = moderation.fingerprint(topic)
                if request.form.get("seen", now) != now:
                    raise ChangedMeanwhileError
                done = act(session, topic)
        except _REFUSED as error:
            session.refresh(topic)
            return page(session, topic, refused=_sentence(error)), 409
    flash(done, "good")
    queue = request.form.get("queue")
    if queue in QUEUES:
        return back_to("staff.topics", state=queue)
    return back_to("staff.topic", topic_id=topic_id)


def _sentence(error: Exception) -> str:
    said = _("Meanwhile the topic has moved on; this step is not possible any more.")
    match error:
        case InvalidRoundError():
            said = str(error)
        case ChangedMeanwhileError():
            said = _(
                "This topic has changed since you opened the page. Look at it as it is now, and "
                "then decide."
            )
        case moderation.WordsStandError():
            said = _(
                "This topic is, or was, on a ballot: voters must find what they read, so its "
                "words stay."
            )
        case voting.ArticleTakenError():
            said = _("This article answers another topic already. Choose another one.")
        case lifecycle.MissingReasonError():
            said = _("Taking up what was not chosen needs a reason that readers will see.")
        case lifecycle.MissingOriginalError():
            said = _("Choose another topic that is still alive to merge this one into.")
        case lifecycle.MissingArticleError():
            said = _("A topic is published with its article: choose the article.")
    return str(said)


def _assign_form() -> AssignForm:
    form = AssignForm()
    with transaction() as session:
        form.reporter.choices = [(each.id, each.name or each.email) for each in writers(session)]
    return form
