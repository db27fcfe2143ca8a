"""Trying wordings of the ask: writing an experiment, starting and ending it, how each does."""

from collections.abc import Callable

from flask import flash, render_template
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from membership.articles import experiments
from membership.articles.models import AskExperiment
from membership.db import LARGEST_ID, transaction
from membership.reports import rollups
from membership.reports.acquisition import asks as figures
from membership.reports.acquisition import steps
from membership.reports.definitions import DEFINITIONS
from membership.staff.figures import cells
from membership.staff.forms import InnerReasonForm
from membership.staff.room import EDITORS, back_to, blueprint, found, me
from membership.staff.site.ask_forms import ExperimentForm, experiment_form
from membership.web import access
from membership.web.languages import language_choices

Answer = str | Response | tuple[str, int]
Step = Callable[[Session, AskExperiment, int, str], None]
STEPS: dict[str, Step] = {"start": experiments.start, "end": experiments.end}


@blueprint.get("/asks")
@access.staff(*EDITORS)
def asks() -> str:
    return _page(InnerReasonForm(formdata=None))


@blueprint.route("/asks/new", methods=["GET", "POST"])
@access.staff(*EDITORS)
def new_ask() -> Answer:
    form = experiment_form()
    if not form.validate_on_submit():
        return _form_page(form, None)
    with transaction() as session:
        experiments.write(session, form.name.data, form.ways(), me().id)
    flash(_("Written. Readers see nothing of it until it starts."), "good")
    return back_to("staff.asks")


@blueprint.route("/asks/<int:experiment_id>", methods=["GET", "POST"])
@access.staff(*EDITORS)
def edit_ask(experiment_id: int) -> Answer:
    """A draft alone: what readers have seen must stay what it was."""
    with transaction() as session:
        known = _locked(session, experiment_id)
        form = experiment_form(known)
        if known.started_at is not None:
            return _page(InnerReasonForm(formdata=None)), 409 if form.is_submitted() else 200
        if not form.validate_on_submit():
            return _form_page(form, known)
        experiments.write(session, form.name.data, form.ways(), me().id, known)
    flash(_("Saved. Readers see nothing of it until it starts."), "good")
    return back_to("staff.asks")


@blueprint.post("/asks/<int:experiment_id>/<any(start, end):act>")
@access.staff(*EDITORS)
def step_ask(experiment_id: int, act: str) -> Answer:
    form = InnerReasonForm()
    if not form.validate_on_submit():
        return _page(form, wrong=(experiment_id, act)), 422
    try:
        with transaction() as session:
            STEPS[act](session, _locked(session, experiment_id), me().id, form.reason.data)
    except experiments.AnotherRunsError:
        return _page(form, _("Another experiment runs. End it first, then start this one.")), 409
    except experiments.NotThatStepError:
        return _page(form, _("Somebody was faster: it has begun or ended already.")), 409
    flash(_("It runs.") if act == "start" else _("It is over; the ask reads as always."), "good")
    return back_to("staff.asks")


def _page(form: InnerReasonForm, refused: str = "", wrong: tuple[int, str] = (0, "")) -> str:
    with transaction() as session:
        counted = steps.of_asks(session)
        shown = []
        for each in experiments.all_of(session):
            all_told = [figures.told(counted, row.id, row.name) for row in each.variants]
            shown.append((each, all_told, figures.sentence(all_told)))
        return render_template(
            "staff/asks.html",
            experiments=shown,
            as_of=rollups.rebuilt_at(session),
            columns=figures.COLUMNS,
            shown=cells.shown,
            definition=DEFINITIONS["asks"],
            form=form,
            refused=refused,
            wrong=wrong,
        )


def _form_page(form: ExperimentForm, known: AskExperiment | None) -> Answer:
    page = render_template(
        "staff/ask.html", form=form, experiment=known, languages=dict(language_choices())
    )
    return (page, 422) if form.is_submitted() else page


def _locked(session: Session, experiment_id: int) -> AskExperiment:
    known = None
    if experiment_id <= LARGEST_ID:
        known = session.get(AskExperiment, experiment_id, with_for_update=True)
    row: AskExperiment = found(known)
    return row
