"""Rounds: the list, and one round's page: its turnout while open (rule V4), then its result."""

from typing import Any

from flask import flash, render_template
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import SelectChoice

from config.settings import settings
from membership.accounts.models import Account
from membership.db import database_now, transaction
from membership.reports import words
from membership.staff.room import EDITORS, back_to, blueprint, found, me
from membership.staff.topics.round_forms import OverruleForm
from membership.staff.topics.topic_page import names_of_writers, writers
from membership.voting import lifecycle, paper, tally
from membership.voting import rounds as voting
from membership.voting import topics as voting_topics
from membership.voting.models import ROUND_STATES, Round, RoundSeries, Tally, Topic
from membership.voting.result import published
from membership.web import access

SHOWN = 50
OVER = ("settled", "void")
Answer = str | Response | tuple[str, int]


@blueprint.get("/rounds")
@access.staff(*EDITORS)
def rounds() -> str:
    with transaction() as session:
        shown = voting.in_states(session, *ROUND_STATES, most=SHOWN)
        turnouts = _turnouts(session, [each.id for each in shown])
    return render_template("staff/rounds.html", rounds=shown, turnouts=turnouts, words=words)


@blueprint.get("/rounds/<int:round_id>")
@access.staff(*EDITORS)
def round_page(round_id: int) -> str:
    with transaction() as session:
        shown = the_round(session, round_id)
        return _page(session, shown, _overruling(session, shown))


@blueprint.post("/rounds/<int:round_id>/settle")
@access.staff(*EDITORS)
def settle(round_id: int) -> Answer:
    """Take every step that is due and was not taken; 409 and why when none can be."""
    with transaction() as session:
        stuck = the_round(session, round_id)
        try:
            with session.begin_nested():
                steps = _advance(session, round_id)
        except (tally.InvalidContestError, lifecycle.ForbiddenTransitionError) as error:
            session.refresh(stuck)
            said = _("The round cannot go on, and nothing was changed: %(why)s", why=str(error))
            return _page(session, stuck, _overruling(session, stuck), refused=said), 409
        if not steps:
            return _page(session, stuck, _overruling(session, stuck), _not_due(stuck)), 409
        state = words.ROUND[steps[-1]]
    flash(_("Done. The round is now: %(state)s.", state=state), "good")
    return back_to("staff.round_page", round_id=round_id)


@blueprint.post("/rounds/<int:round_id>/overrule")
@access.staff(*EDITORS)
def overrule(round_id: int) -> Answer:
    """Take up a topic that was not chosen, with a public reason; the tally stays (rule V12)."""
    with transaction() as session:
        shown = the_round(session, round_id)
        form = _overruling(session, shown)
        if not form.validate_on_submit():
            return _page(session, shown, form), 422
        topic = session.get_one(Topic, form.topic.data)
        writer = session.get_one(Account, form.reporter.data)
        try:
            with session.begin_nested():
                voting_topics.assign(
                    session, topic, writer, me(), due_on=form.due_on.data, reason=form.reason.data
                )
        except lifecycle.ForbiddenTransitionError:
            session.refresh(topic)
            said = _("“%(title)s” has moved on meanwhile.", title=topic.title)
            return _page(session, shown, form, refused=said), 409
    flash(_("We take it up. Readers see the reason beside the result, which stays."), "good")
    return back_to("staff.round_page", round_id=round_id)


def the_round(session: Session, round_id: int) -> Round:
    """The round, or the page that says there is none."""
    try:
        return voting.get(session, round_id)
    except voting.RoundNotFoundError:
        row: Round = found(None)
        return row


def _page(session: Session, shown: Round, form: OverruleForm, refused: str = "") -> str:
    phase = voting.phase(session, shown)
    options = paper.options(session, shown.id)
    return render_template(
        "staff/round.html",
        round=shown,
        phase=phase,
        options=options,
        is_overdue=_is_overdue(session, shown),
        turnout=voting.latest_turnout(session, shown) if phase == "open" else None,
        result=published(session, shown) if phase in OVER else None,
        series=session.get(RoundSeries, shown.series_id) if shown.series_id else None,
        writers=names_of_writers(session, options),
        form=form,
        refused=refused,
        words=words,
        zone=settings().time_zone,
    )


def _advance(session: Session, round_id: int) -> list[str]:
    """The states that the round came to, one after the other."""
    steps = []
    while state := voting.advance(session, round_id):
        steps.append(state)
    return steps


def _is_overdue(session: Session, shown: Round) -> bool:
    """Whether a step is due that beat has not taken yet."""
    now = database_now(session)
    due = {"draft": shown.opens_at <= now, "open": shown.closes_at <= now, "closed": True}
    return due.get(shown.state, False)


def _not_due(round_: Round) -> str:
    said: dict[str, Any] = {
        "draft": _("This round has not opened yet: it does so by itself."),
        "open": _("Patrons can still vote: the round is counted after its end, by itself."),
    }
    return str(said.get(round_.state, _("This round is settled; its result stands.")))


def _overruling(session: Session, shown: Round) -> OverruleForm:
    """Its choices are the topics that were not chosen, and who writes."""
    form = OverruleForm()
    left = [] if shown.state not in OVER else paper.options(session, shown.id)
    nothing = SelectChoice("", "–")
    form.topic.choices = [nothing] + [
        SelectChoice(topic.id, topic.title) for topic in left if topic.state == "not_selected"
    ]
    form.reporter.choices = [nothing] + [
        SelectChoice(each.id, each.name or each.email) for each in writers(session)
    ]
    return form


def _turnouts(session: Session, round_ids: list[int]) -> dict[int, int]:
    """From the frozen tallies: nothing is counted, least of all in a round that is open."""
    query = select(Tally.round_id, Tally.ballots).where(Tally.round_id.in_(round_ids))
    return dict(session.execute(query).all())
