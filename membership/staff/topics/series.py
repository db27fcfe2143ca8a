"""Recurring rounds: the series there are, what each would build next, setting one up."""

from flask import flash, render_template
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from config.settings import settings
from membership.db import LARGEST_ID, transaction
from membership.reports import words
from membership.staff.room import EDITORS, back_to, blueprint, found, me
from membership.staff.topics.round_forms import SeriesForm
from membership.voting import series as voting
from membership.voting.drafts import InvalidRoundError
from membership.voting.models import Round, RoundSeries
from membership.web import access

Answer = str | Response | tuple[str, int]


@blueprint.get("/series")
@access.staff(*EDITORS)
def series() -> str:
    with transaction() as session:
        known = session.scalars(
            select(RoundSeries).order_by(RoundSeries.is_active.desc(), RoundSeries.id)
        )
        shown = [(each, voting.upcoming(session, each), _draft(session, each)) for each in known]
        return render_template(
            "staff/series.html", shown=shown, zone=settings().time_zone, words=words
        )


@blueprint.route("/series/new", methods=["GET", "POST"])
@access.staff(*EDITORS)
def new_series() -> Answer:
    form = SeriesForm()
    if form.validate_on_submit():
        try:
            with transaction() as session:
                voting.create(session, me(), **form.values())
        except InvalidRoundError as error:
            form.form_errors.append(str(error))
        else:
            flash(_("The recurring round is set up."), "good")
            return back_to("staff.series")
    return _form_page(form, None)


@blueprint.route("/series/<int:series_id>", methods=["GET", "POST"])
@access.staff(*EDITORS)
def edit_series(series_id: int) -> Answer:
    """Rounds that are built already stay as they are."""
    form = SeriesForm()
    with transaction() as session:
        known = _series(session, series_id)
        if not form.is_submitted():
            form.begin(known)
        elif form.validate():
            try:
                voting.change(session, known, me(), **form.values())
            except InvalidRoundError as error:
                form.form_errors.append(str(error))
            else:
                flash(_("The recurring round has been changed."), "good")
                return back_to("staff.series")
        return _form_page(form, known)


@blueprint.post("/series/<int:series_id>/<any(on, off):switch>")
@access.staff(*EDITORS)
def switch_series(series_id: int, switch: str) -> Response:
    with transaction() as session:
        voting.change(session, _series(session, series_id), me(), is_active=switch == "on")
    said = _("It builds its rounds again.") if switch == "on" else _("It builds no more rounds.")
    flash(said, "good")
    return back_to("staff.series")


def _series(session: Session, series_id: int) -> RoundSeries:
    known = session.get(RoundSeries, series_id) if series_id <= LARGEST_ID else None
    row: RoundSeries = found(known)
    return row


def _draft(session: Session, known: RoundSeries) -> Round | None:
    """The round that a series has built and that has not opened yet."""
    built = select(Round).where(Round.series_id == known.id, Round.state == "draft")
    return session.scalar(built.order_by(Round.opens_at, Round.id).limit(1))


def _form_page(form: SeriesForm, known: RoundSeries | None) -> Answer:
    page = render_template(
        "staff/series_form.html", form=form, series=known, zone=settings().time_zone
    )
    return (page, 422) if form.is_submitted() else page
