"""Topics: the queue of suggestions, and each topic's way to a story (rule V10)."""

from collections.abc import Callable
from typing import Any

from flask import flash, render_template, request
from flask_babel import gettext as _
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from membership.accounts.models import Account
from membership.articles.models import Article
from membership.db import transaction
from membership.staff.forms import AssignForm, MergeForm, ReasonForm
from membership.staff.room import EDITORS, FINANCE, back_to, blueprint, found, me
from membership.voting import lifecycle, suggestions
from membership.voting import topics as voting
from membership.voting.models import TOPIC_STATES, Topic, TopicChange
from membership.voting.paper import InvalidRoundError
from membership.web import access

PAGE = 50
SHOWN_ARTICLES = 8
Answer = Response | tuple[str, int]

_REFUSED = (
    lifecycle.ForbiddenTransitionError,
    lifecycle.MissingReasonError,
    lifecycle.MissingArticleError,
    lifecycle.MissingOriginalError,
    InvalidRoundError,
)


@blueprint.get("/topics")
@access.staff(*EDITORS)
def topics() -> str:
    state = request.args.get("state", "suggested")
    state = state if state in TOPIC_STATES else "suggested"
    with transaction() as session:
        queue = suggestions.waiting(session) if state == "suggested" else []
        supporters = {each.topic.id: each.supporters for each in queue}
        rows = _topics(session, state, request.args.get("before", type=int))
        counts = dict(
            session.execute(select(Topic.state, func.count()).group_by(Topic.state)).all()
        )
    return render_template(
        "staff/topics.html",
        topics=rows[:PAGE],
        older=rows[PAGE - 1].id if len(rows) > PAGE else None,
        supporters=supporters,
        counts=counts,
        state=state,
        states=TOPIC_STATES,
    )


@blueprint.get("/topics/<int:topic_id>")
@access.staff(*EDITORS)
def topic(topic_id: int) -> str:
    with transaction() as session:
        return _page(session, _topic(session, topic_id))


@blueprint.post("/topics/<int:topic_id>/reject")
@access.staff(*EDITORS)
def reject(topic_id: int) -> Answer:
    form = ReasonForm()

    def act(session: Session, topic: Topic) -> None:
        voting.change_state(session, topic, "rejected", me(), reason=form.reason.data)

    return _change(topic_id, form, act, _("The suggestion has been declined."))


@blueprint.post("/topics/<int:topic_id>/drop")
@access.staff(*EDITORS)
def drop(topic_id: int) -> Answer:
    form = ReasonForm()

    def act(session: Session, topic: Topic) -> None:
        voting.change_state(session, topic, "dropped", me(), reason=form.reason.data)

    return _change(topic_id, form, act, _("The topic has been dropped."))


@blueprint.post("/topics/<int:topic_id>/merge")
@access.staff(*EDITORS)
def merge(topic_id: int) -> Answer:
    form = MergeForm()

    def act(session: Session, topic: Topic) -> None:
        wanted = (form.original.data or "").strip().rstrip("/").rpartition("/")[2]
        original = session.scalar(select(Topic).where(Topic.slug == wanted))
        if original is None:
            raise lifecycle.MissingOriginalError
        voting.merge(session, topic, original, me())

    return _change(topic_id, form, act, _("Both topics are one now."))


@blueprint.post("/topics/<int:topic_id>/assign")
@access.staff(*EDITORS)
def assign(topic_id: int) -> Answer:
    form = AssignForm()
    with transaction() as session:
        form.reporter.choices = [(each.id, each.name or each.email) for each in _writers(session)]

    def act(session: Session, topic: Topic) -> None:
        writer = session.get_one(Account, form.reporter.data)
        voting.assign(session, topic, writer, me(), reason=form.reason.data or None)

    return _change(topic_id, form, act, _("The story has been assigned."))


@blueprint.post("/topics/<int:topic_id>/publish/<int:article_id>")
@access.staff(*EDITORS)
def publish(topic_id: int, article_id: int) -> Answer:
    def act(session: Session, topic: Topic) -> None:
        voting.publish(session, topic, found(session.get(Article, article_id)), me())

    return _change(topic_id, None, act, _("Published. Whoever voted will be told by mail."))


def _change(topic_id: int, form: Any, act: Callable[[Session, Topic], None], done: str) -> Answer:
    """Do `act` and look at the topic again; or say what is wrong, with nothing changed."""
    with transaction() as session:
        topic = _topic(session, topic_id)
        if form is not None and not form.validate_on_submit():
            said = [str(error) for errors in form.errors.values() for error in errors]
            return _page(session, topic, refused=" ".join(said)), 422
        try:
            with session.begin_nested():
                act(session, topic)
        except _REFUSED as error:
            session.refresh(topic)
            return _page(session, topic, refused=_sentence(error)), 409
    flash(done, "good")
    return back_to("staff.topic", topic_id=topic_id)


def _sentence(error: Exception) -> str:
    said = _("Meanwhile the topic has moved on; this step is not possible any more.")
    match error:
        case InvalidRoundError():
            said = str(error)
        case lifecycle.MissingReasonError():
            said = _("Overruling the vote needs a reason that readers will see.")
        case lifecycle.MissingOriginalError():
            said = _("Choose another topic that is still alive to merge this one into.")
        case lifecycle.MissingArticleError():
            said = _("A topic is published with its article: choose the article.")
    return str(said)


def _page(session: Session, topic: Topic, refused: str = "") -> str:
    words = request.args.get("article", "").strip()[:200]
    steps = lifecycle.TOPIC[topic.state]
    return render_template(
        "staff/topic.html",
        topic=topic,
        steps=steps,
        refused=refused,
        typed=request.form,
        # Who suggests gives: that is for those who may see givers (rule S10).
        suggested_by=_account(session, topic.suggested_by_id)
        if access.has_role(*FINANCE)
        else None,
        assigned_to=_account(session, topic.assigned_to_id),
        original=session.get(Topic, topic.merged_into_id) if topic.merged_into_id else None,
        article=session.get(Article, topic.article_id) if topic.article_id else None,
        history=_history(session, topic),
        alike=_alike(session, topic) if "merged" in steps else [],
        writers=_writers(session) if "assigned" in steps else [],
        overrules=(topic.state, "assigned") in lifecycle.NEEDS_REASON,
        articles=_articles(session, words) if "published" in steps else [],
        words=words,
    )


def _topic(session: Session, topic_id: int) -> Topic:
    row: Topic = found(session.get(Topic, topic_id))
    return row


def _account(session: Session, account_id: int | None) -> Account | None:
    return session.get(Account, account_id) if account_id is not None else None


def _topics(session: Session, state: str, before: int | None) -> list[Topic]:
    """One page of topics and, when there are more, one beyond it; newest first."""
    query = select(Topic).where(Topic.state == state).order_by(Topic.id.desc()).limit(PAGE + 1)
    if before is not None:
        query = query.where(Topic.id < before)
    return list(session.scalars(query))


def _history(session: Session, topic: Topic) -> list[tuple[TopicChange, str | None]]:
    """Each step with the address of the member of staff who took it; oldest first."""
    query = (
        select(TopicChange, Account.email)
        .outerjoin(Account, (Account.id == TopicChange.actor_id) & Account.role.is_not(None))
        .where(TopicChange.topic_id == topic.id)
        .order_by(TopicChange.id)
    )
    return [(change, actor) for change, actor in session.execute(query)]


def _alike(session: Session, topic: Topic) -> list[Topic]:
    return [each for each in suggestions.look_alikes(session, topic.title, 6) if each != topic]


def _writers(session: Session) -> list[Account]:
    """Staff who can be given a story."""
    writing = or_(Account.role == "reporter", Account.role == "editor")
    return list(session.scalars(select(Account).where(writing).order_by(Account.name, Account.id)))


def _articles(session: Session, words: str) -> list[Article]:
    """Stories whose title or address has these words, or simply the newest ones."""
    query = select(Article).order_by(Article.published_at.desc(), Article.id).limit(SHOWN_ARTICLES)
    if words:
        slug = words.rstrip("/").rpartition("/")[2]
        query = query.where(
            or_(Article.title.icontains(words, autoescape=True), Article.slug == slug)
        )
    return list(session.scalars(query))
