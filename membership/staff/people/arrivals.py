"""Patrons who come from elsewhere: an export or Stripe is looked at, shown, and taken when staff
confirm what they saw.

The pages name nobody: lines of the file, and Stripe's ids.
"""

from typing import Any

from flask import Response, abort, flash, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from sqlalchemy import select
from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, HiddenField, RadioField, SelectChoice
from wtforms.validators import ValidationError
from wtforms.widgets import FileInput

from membership.accounts import audit
from membership.arrivals import files, runs, words
from membership.arrivals.models import Arrival
from membership.db import transaction
from membership.reports.words import SUBSCRIPTION
from membership.staff.forms import InnerReasonForm
from membership.staff.room import FINANCE, back_to, blueprint, found, me
from membership.web import access
from membership.web.download import download
from membership.web.spreadsheet import file_of, plain_text

Answer = Any
SHOWN = 50
# Of problems, and of groups of subscriptions; the file has them all.
MOST = 100
# What comes around the file.
AROUND = 64 * 1024


class ArrivalForm(FlaskForm):  # type: ignore[misc]
    """Where patrons come from, and the export's file; from Stripe there is none."""

    source = RadioField(
        _l("Where from"),
        choices=[SelectChoice(name, said) for name, said in words.SOURCE.items()],
        default="stripe",
    )
    file = FileField(_l("The export, a CSV file"), widget=FileInput())

    def validate_file(self, field: Any) -> None:
        has_file = isinstance(field.data, FileStorage) and bool(field.data.filename)
        if self.source.data == "stripe" and has_file:
            raise ValidationError(_("From Stripe there is no file: we ask Stripe itself."))
        if self.source.data != "stripe" and not has_file:
            raise ValidationError(_("Please choose the file of the export."))


class ConfirmForm(InnerReasonForm):
    """What was shown is taken; why."""

    digest = HiddenField()
    with_welcome = BooleanField(_l("Mail who is new: they can sign in here, and vote"))


@blueprint.url_value_preprocessor
def let_files_in(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """A file may be larger than all else that is sent to us; before its form is read."""
    if endpoint == "staff.arrivals":
        request.max_content_length = runs.LARGEST + AROUND


@blueprint.route("/arrivals", methods=["GET", "POST"])
@access.staff(*FINANCE)
def arrivals() -> Answer:
    """POST has a `file` of a `source` looked at, or Stripe; nothing of it is taken by that."""
    form = ArrivalForm()
    if not form.validate_on_submit():
        with transaction() as session:
            rows = session.scalars(select(Arrival).order_by(Arrival.id.desc()).limit(SHOWN)).all()
        page = render_template(
            "staff/arrivals.html", form=form, rows=rows, words=words, columns=files.needed_columns()
        )
        return (page, 422) if form.is_submitted() else page
    content = form.file.data.read() if form.source.data != "stripe" else None
    with transaction() as session:
        asked = runs.ask(session, form.source.data, content, me().id)
        audit.record(
            session,
            "arrival.asked",
            f"arrival:{asked.id}",
            actor_id=me().id,
            source=asked.source,
            file=runs.digest(content),
        )
    return back_to("staff.arrival", arrival_id=asked.id)


@blueprint.get("/arrivals/<int:arrival_id>")
@access.staff(*FINANCE)
def arrival(arrival_id: int) -> Answer:
    return _page(arrival_id, ConfirmForm())


@blueprint.get("/arrivals/<int:arrival_id>/progress")
@access.staff(*FINANCE)
def arrival_progress(arrival_id: int) -> str:
    """The part of the page that says how far it is, for a script that asks again."""
    with transaction() as session:
        row = found(session.get(Arrival, arrival_id))
    return render_template("staff/_arrival_progress.html", row=row, words=words)


@blueprint.post("/arrivals/<int:arrival_id>/confirm")
@access.staff(*FINANCE)
def confirm_arrival(arrival_id: int) -> Answer:
    """Fields: `digest` of what was shown, `with_welcome`, `reason`."""
    form = ConfirmForm()
    if not form.validate():
        return _page(arrival_id, form), 422
    with transaction() as session:
        row = found(session.get(Arrival, arrival_id, with_for_update=True))
        was_shown = row.state == "shown"
        with_welcome = form.with_welcome.data and row.source in words.WELCOME
        try:
            runs.confirm(session, row, form.digest.data, with_welcome=with_welcome)
        except runs.OtherwiseNowError:
            abort(409, _("Something else stands there by now. Please look at it again."))
        if was_shown:
            _note(session, "arrival.confirmed", row, form)
    return back_to("staff.arrival", arrival_id=arrival_id)


@blueprint.post("/arrivals/<int:arrival_id>/look-again")
@access.staff(*FINANCE)
def look_again(arrival_id: int) -> Answer:
    """Look at Stripe once more, for the prices in `only`; none: for all."""
    with transaction() as session:
        row = found(session.get(Arrival, arrival_id, with_for_update=True))
        if row.source != "stripe" or row.state != "shown":
            abort(409, _("Something else stands there by now. Please look at it again."))
        only = request.form.getlist("only")
        runs.ask_again(session, row, only)
        audit.record(
            session,
            "arrival.asked",
            f"arrival:{row.id}",
            actor_id=me().id,
            source=row.source,
            only=len(only),
        )
    return back_to("staff.arrival", arrival_id=arrival_id)


@blueprint.post("/arrivals/<int:arrival_id>/drop")
@access.staff(*FINANCE)
def drop_arrival(arrival_id: int) -> Answer:
    """Forget what was looked at, with its file; what is being done cannot be dropped."""
    with transaction() as session:
        row = found(session.get(Arrival, arrival_id, with_for_update=True))
        if row.state not in ("asked", "shown", "failed"):
            abort(409, _("This import is being done, or is done."))
        audit.record(session, "arrival.dropped", f"arrival:{row.id}", actor_id=me().id)
        session.delete(row)
    flash(_("The file is forgotten, and nothing was taken."), "good")
    return back_to("staff.arrivals")


@blueprint.get("/arrivals/<int:arrival_id>/problems.csv")
@access.staff(*FINANCE)
def arrival_problems(arrival_id: int) -> Response:
    """What is not taken, with its reason."""
    with transaction() as session:
        row = found(session.get(Arrival, arrival_id))
        problems = runs.problems(session, arrival_id)
    said = _("Remark") if row.source == "ghost" else _("Why it is not taken")
    heading = (str(_("Place")), str(said))
    rows = [(plain_text(each.place), plain_text(words.sentence(each))) for each in problems]
    return download(file_of([heading, *rows]), "text/csv", f"import-{arrival_id}-problems.csv")


def _page(arrival_id: int, form: ConfirmForm) -> str:
    with transaction() as session:
        row = found(session.get(Arrival, arrival_id))
        problems = runs.problems(session, arrival_id)
    said = row.done if row.state == "done" else row.seen
    if row.state == "shown":
        form.digest.data = row.digest
    return render_template(
        "staff/arrival.html",
        row=row,
        form=form,
        said=said or {"mapping": [], "counts": {}, "groups": []},
        problems=problems[:MOST],
        problems_in_all=len(problems),
        most=MOST,
        words=words,
        states=SUBSCRIPTION,
    )


def _note(session: Any, action: str, row: Arrival, form: ConfirmForm) -> None:
    audit.record(
        session,
        action,
        f"arrival:{row.id}",
        actor_id=me().id,
        source=row.source,
        digest=row.digest,
        with_welcome=row.with_welcome,
        reason=form.reason.data,
    )
