"""Building a round: its form, its preview with a check list; changing and cancelling a draft."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import abort, flash, render_template, request
from flask_babel import gettext as _
from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from config.settings import settings
from membership.db import database_now, transaction
from membership.reports import words
from membership.staff.room import EDITORS, back_to, blueprint, me
from membership.staff.topics import checklist
from membership.staff.topics.round_forms import RoundForm
from membership.staff.topics.rounds import the_round
from membership.voting import drafts, paper
from membership.voting import rounds as voting
from membership.voting.models import Round, RoundOption, Topic, TopicSupport
from membership.voting.suggestions import Suggestion
from membership.web import access

OFFERED = 25
Answer = str | Response | tuple[str, int]
Written = Callable[[Session, dict[str, Any]], Round]


@blueprint.route("/rounds/new", methods=["GET", "POST"])
@access.staff(*EDITORS)
def new_round() -> Answer:
    """Field `act`: search (keeps what is chosen), preview, edit, create; `topics` is repeated."""
    form = RoundForm()
    with transaction() as session:
        if not form.is_submitted():
            form.topics.data = request.args.getlist("topic", type=int)

        def create(session: Session, rules: dict[str, Any]) -> Round:
            created = drafts.create(session, actor=me(), **rules)
            if form.opens_now.data:
                voting.advance(session, created.id)
            return created

        return _answer(session, form, None, create)


@blueprint.route("/rounds/<int:round_id>/edit", methods=["GET", "POST"])
@access.staff(*EDITORS)
def edit_round(round_id: int) -> Answer:
    """The same form over a draft; 409 once it has opened."""
    form = RoundForm()
    with transaction() as session:
        draft = the_round(session, round_id)
        if draft.state != "draft" or draft.opens_at <= database_now(session):
            abort(409, _("This round has opened: nothing about it can be changed any more."))
        if not form.is_submitted():
            form.begin(draft, [topic.id for topic in paper.options(session, draft.id)])

        def change(session: Session, rules: dict[str, Any]) -> Round:
            changed = drafts.change(session, draft, me(), **rules)
            if form.opens_now.data:
                voting.advance(session, changed.id)
            return changed

        return _answer(session, form, draft, change)


@blueprint.post("/rounds/<int:round_id>/cancel")
@access.staff(*EDITORS)
def cancel_round(round_id: int) -> Response:
    with transaction() as session:
        try:
            drafts.cancel(session, the_round(session, round_id), me())
        except drafts.InvalidRoundError as error:
            abort(409, str(error))
    flash(_("The draft is gone; its topics wait among the suggestions, approved."), "good")
    return back_to("staff.rounds")


def _answer(session: Session, form: RoundForm, draft: Round | None, write: Written) -> Answer:
    act = request.form.get("act", "preview")
    if not form.is_submitted() or act in ("search", "edit"):
        return _form_page(session, form, draft)
    if form.validate():
        rules = form.rules(database_now(session)) | {"topics": _chosen(session, form)}
        try:
            if act != "create":
                return _preview(session, form, draft, rules)
            with session.begin_nested():
                written = write(session, rules)
        except drafts.InvalidRoundError as error:
            form.form_errors.append(str(error))
        else:
            said = _("The draft has been changed.") if draft else _("The round has been created.")
            flash(said, "good")
            return back_to("staff.round_page", round_id=written.id)
    return _form_page(session, form, draft), 422


def _preview(session: Session, form: RoundForm, draft: Round | None, asked: dict[str, Any]) -> str:
    """The round as voters will find it; nothing is written. Raises InvalidRoundError."""
    topics = asked.pop("topics")
    draft_id = draft.id if draft else None
    rules = drafts.check(session, topics, draft_id, **asked)
    return render_template(
        "staff/round_preview.html",
        rules=rules,
        topics=topics,
        draft=draft,
        opens_now=form.opens_now.data,
        checks=checklist.look_over(session, rules, topics, draft_id),
        words=words,
        # All that was typed, to be sent again.
        typed=[
            (name, value)
            for name, value in request.form.items(multi=True)
            if name not in ("csrf_token", "act")
        ],
    )


def _form_page(session: Session, form: RoundForm, draft: Round | None) -> str:
    chosen = _chosen(session, form)
    wanted = (form.search.data or "").strip()
    offered = _offered(session, wanted, [topic.id for topic in chosen], draft)
    return render_template(
        "staff/round_new.html",
        form=form,
        draft=draft,
        chosen=chosen,
        offered=offered[:OFFERED],
        has_more=len(offered) > OFFERED,
        wanted=wanted,
        zone=settings().time_zone,
    )


def _chosen(session: Session, form: RoundForm) -> list[Topic]:
    """The topics ticked so far, in their order; ids that name none are left out."""
    ids = form.chosen()
    found = {topic.id: topic for topic in session.scalars(select(Topic).where(Topic.id.in_(ids)))}
    return [found[id_] for id_ in ids if id_ in found]


def _offered(
    session: Session, wanted: str, but: Sequence[int], draft: Round | None
) -> list[Suggestion]:
    """Suggestions with these words (all of them when there are none) that stand in no other draft,
    those with most supporters first; one more than a page when there are more.
    """
    supporters = select(func.count()).where(TopicSupport.topic_id == Topic.id).scalar_subquery()
    elsewhere = exists().where(
        RoundOption.topic_id == Topic.id,
        RoundOption.round_id == Round.id,
        Round.state == "draft",
        Round.id.is_distinct_from(draft.id if draft else None),
    )
    query = select(Topic, supporters).where(
        Topic.state == "suggested", Topic.id.not_in(but), ~elsewhere
    )
    for word in wanted.split():
        query = query.where(
            or_(
                Topic.title.icontains(word, autoescape=True),
                Topic.why.icontains(word, autoescape=True),
            )
        )
    rows = session.execute(query.order_by(supporters.desc(), Topic.id).limit(OFFERED + 1))
    return [Suggestion(topic, number) for topic, number in rows]
