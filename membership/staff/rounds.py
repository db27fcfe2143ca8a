"""Rounds: a new one, the list, and one round's page, which tells nothing while it is open (V4)."""

from flask import flash, render_template
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from config.settings import settings
from membership.db import database_now, transaction
from membership.reports import words
from membership.staff.forms import RoundForm, in_newsroom_time
from membership.staff.room import EDITORS, back_to, blueprint, found, me
from membership.voting import drafts, paper, suggestions
from membership.voting import rounds as voting
from membership.voting.models import ROUND_STATES, Round, Tally
from membership.voting.result import published
from membership.web import access

SHOWN = 50


@blueprint.get("/rounds")
@access.staff(*EDITORS)
def rounds() -> str:
    with transaction() as session:
        shown = voting.in_states(session, *ROUND_STATES, most=SHOWN)
        turnouts = _turnouts(session, [each.id for each in shown])
    return render_template("staff/rounds.html", rounds=shown, turnouts=turnouts, words=words)


@blueprint.route("/rounds/new", methods=["GET", "POST"])
@access.staff(*EDITORS)
def new_round() -> str | Response | tuple[str, int]:
    form = RoundForm()
    with transaction() as session:
        waiting = suggestions.waiting(session)
        form.topics.choices = [(each.topic.id, each.topic.title) for each in waiting]
        if form.validate_on_submit():
            try:
                with session.begin_nested():
                    created = _create(session, form)
            except drafts.InvalidRoundError as error:
                form.form_errors.append(str(error))
            else:
                flash(_("The round has been created."), "good")
                return back_to("staff.round_page", round_id=created.id)
    page = render_template(
        "staff/round_new.html", form=form, waiting=waiting, zone=settings().time_zone
    )
    return (page, 422) if form.is_submitted() else page


@blueprint.get("/rounds/<int:round_id>")
@access.staff(*EDITORS)
def round_page(round_id: int) -> str:
    with transaction() as session:
        shown = _round(session, round_id)
        phase = voting.phase(session, shown)
        options = paper.options(session, shown.id)
        turnout = voting.turnout(session, shown)
        result = published(session, shown) if phase in {"settled", "void"} else None
    return render_template(
        "staff/round.html",
        round=shown,
        phase=phase,
        options=options,
        turnout=turnout,
        result=result,
    )


def _round(session: Session, round_id: int) -> Round:
    try:
        return voting.get(session, round_id)
    except voting.RoundNotFoundError:
        row: Round = found(None)
        return row


def _turnouts(session: Session, round_ids: list[int]) -> dict[int, int]:
    """From the frozen tallies: nothing is counted, least of all in a round that is open."""
    query = select(Tally.round_id, Tally.ballots).where(Tally.round_id.in_(round_ids))
    return dict(session.execute(query).all())


def _create(session: Session, form: RoundForm) -> Round:
    by_id = {each.topic.id: each.topic for each in suggestions.waiting(session)}
    opens_at = (
        database_now(session) if form.opens_now.data else in_newsroom_time(form.opens_at.data)
    )
    created = drafts.create(
        session,
        title=form.title.data,
        topics=[by_id[topic_id] for topic_id in form.topics.data],
        opens_at=opens_at,
        closes_at=in_newsroom_time(form.closes_at.data),
        max_choices=form.max_choices.data,
        seats=form.seats.data,
        quorum=form.quorum.data,
        actor=me(),
    )
    if form.opens_now.data:
        voting.advance(session, created.id)
    return created
