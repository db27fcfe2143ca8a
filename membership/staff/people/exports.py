"""What staff take along: patrons of a view as CSV, and everything of the newsroom.

Finance has the patrons; everything, which holds what editors write as well, is for admins alone.
Who asked for a file and who took it stands in the audit log (rule S9).
"""

from typing import Any

from flask import Response as File
from flask import abort, flash, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.db import LARGEST_ID, transaction
from membership.exports import jobs
from membership.exports.models import Export
from membership.exports.words import KINDS
from membership.patrons.filters import Filters
from membership.reports.words import Words
from membership.staff.people import patron_filters
from membership.staff.room import FINANCE, back_to, blueprint, found, me
from membership.web import access

SHOWN = 50
ADMIN = ("admin",)
EVERYTHING = {"csv": "everything_csv", "sqlite": "everything_sqlite"}
STATES: Words = {
    "running": _l("being made"),
    "ready": _l("ready"),
    "failed": _l("failed"),
    "expired": _l("deleted"),
}
TONES: Words = {"running": "neutral", "ready": "good", "failed": "bad", "expired": "neutral"}
# What a file is called, and what it is.
FILES = {
    "patrons": ("patrons", "csv", "text/csv; charset=utf-8"),
    "everything_csv": ("everything", "zip", "application/zip"),
    "everything_sqlite": ("everything", "sqlite", "application/vnd.sqlite3"),
}


@blueprint.get("/exports")
@access.staff(*FINANCE)
def exports() -> str:
    kinds = tuple(kind for kind in KINDS if _may_have(kind))
    with transaction() as session:
        return render_template(
            "staff/exports.html", exports=jobs.newest(session, kinds, SHOWN), **_words()
        )


@blueprint.post("/patrons/export")
@access.staff(*FINANCE)
def export_patrons() -> Response:
    """The filters of the view stand in the address."""
    return _ask("patrons", patron_filters.asked(request.args))


@blueprint.post("/exports/everything/<any(csv, sqlite):form>")
@access.staff(*ADMIN)
def export_everything(form: str) -> Response:
    return _ask(EVERYTHING[form], None)


def _ask(kind: str, wanted: Filters | None) -> Response:
    with transaction() as session:
        asked = jobs.ask(session, me(), kind, wanted)
    said = _("Being made: %(file)s. A mail tells you when it is ready.", file=KINDS[kind])
    flash(said, "good")
    return back_to("staff.export", export_id=asked.id)


@blueprint.get("/exports/<int:export_id>")
@access.staff(*FINANCE)
def export(export_id: int) -> str:
    return _page("staff/export.html", export_id)


@blueprint.get("/exports/<int:export_id>/progress")
@access.staff(*FINANCE)
def export_progress(export_id: int) -> str:
    """The part of the page that changes while it is made, for a script that asks again."""
    return _page("staff/_export_progress.html", export_id)


@blueprint.get("/exports/<int:export_id>/file")
@access.staff(*FINANCE)
def export_file(export_id: int) -> File:
    with transaction() as session:
        shown = _export(session, export_id)
        if not jobs.is_there(shown, clock.now()):
            abort(404)
        audit.record(
            session, "export.taken", f"export:{shown.id}", actor_id=me().id, kind=shown.kind
        )
    name, ending, mimetype = FILES[shown.kind]
    answer = File(jobs.content(shown.id), mimetype=mimetype)
    called = f"{name}-{shown.created_at:%Y-%m-%d}-{shown.id}.{ending}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{called}"'
    answer.content_length = shown.size
    return answer


def _page(template: str, export_id: int) -> str:
    with transaction() as session:
        shown = _export(session, export_id)
        filters = Filters.model_validate(shown.filters)
        asked_by = session.get(Account, shown.asked_by_id) if shown.asked_by_id else None
        return render_template(
            template,
            export=shown,
            is_there=jobs.is_there(shown, clock.now()),
            asked_by=asked_by,
            holds=patron_filters.described(session, filters),
            **_words(),
        )


def _export(session: Session, export_id: int) -> Export:
    """The export, or the page that says there is none, or that it is not for everybody."""
    row = session.get(Export, export_id) if export_id <= LARGEST_ID else None
    shown: Export = found(row)
    if not _may_have(shown.kind):
        abort(403)
    return shown


def _may_have(kind: str) -> bool:
    return access.has_role(*(FINANCE if kind == "patrons" else ADMIN))


def _words() -> dict[str, Any]:
    return {"kinds": KINDS, "states": STATES, "tones": TONES, "may_all": access.has_role(*ADMIN)}
