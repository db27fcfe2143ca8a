"""What readers take away of a round: its ballots, and the file that counts them again.

None of it changes any more, so that every cache may keep it.
"""

from pathlib import Path
from typing import Any

from flask import Response, abort, jsonify

from membership.db import transaction
from membership.voting import export, rounds, tally
from membership.voting.room import blueprint
from membership.web import access
from membership.web.headers import keep_public

VERIFIER = Path(tally.__file__)


@blueprint.get("/rounds/<int:round_id>/export.json")
@access.anyone
def export_round(round_id: int) -> Response:
    """The settled round without names, for the verifier; 404 when too few voted."""
    return _download(jsonify(_published(round_id)), f"round-{round_id}.json")


@blueprint.get("/rounds/<int:round_id>/ballots.csv")
@access.anyone
def export_ballots(round_id: int) -> Response:
    """The same ballots for a spreadsheet."""
    written = export.csv_of(_published(round_id))
    return _download(Response(written, mimetype="text/csv"), f"round-{round_id}.csv")


@blueprint.get("/rounds/verify.py")
@access.anyone
def verifier() -> Response:
    """The very file that counts here: readers count with it again, Python being all they need."""
    return _download(Response(VERIFIER.read_bytes(), mimetype="text/x-python"), "verify.py")


def _published(round_id: int) -> dict[str, Any]:
    with transaction() as session:
        try:
            exported = export.export(session, rounds.get(session, round_id))
        except export.NotSettledError:
            abort(404)
    if export.ballots(exported) < export.FEWEST_TO_SHOW:
        abort(404)
    return exported


def _download(answer: Response, name: str) -> Response:
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return keep_public(answer)
