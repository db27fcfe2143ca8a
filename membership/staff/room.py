"""What all pages of the back office share: their blueprint, and who may enter which room."""

from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from flask_babel import lazy_gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from membership.accounts.models import Account
from membership.web import access

blueprint = Blueprint("staff", __name__, url_prefix="/staff")

FINANCE = ("finance",)
EDITORS = ("editor",)
REPORTERS = ("reporter",)
# Endpoint, name, and the roles that may enter beside admins (none named: all staff).
Room = tuple[str, Any, tuple[str, ...]]
# The head of each page names the groups; the line below it, the rooms of the group one is in.
GROUPS: tuple[tuple[Any, tuple[Room, ...]], ...] = (
    (
        _("Figures"),
        (
            ("staff.overview", _("Overview"), ()),
            ("staff.retention", _("Retention"), ()),
            ("staff.recovery", _("Recovery"), ()),
            ("staff.acquisition", _("Acquisition"), ()),
            ("staff.participation", _("Participation"), ()),
            ("staff.rates", _("Exchange rates"), FINANCE),
            ("staff.figures", _("What they mean"), ()),
        ),
    ),
    (
        _("People"),
        (
            ("staff.patrons", _("Patrons"), FINANCE),
            ("staff.arrivals", _("Imports"), FINANCE),
            ("staff.exports", _("Exports"), FINANCE),
        ),
    ),
    (
        _("Topics"),
        (
            ("staff.topics", _("Topics"), EDITORS),
            ("staff.board", _("Board"), (*EDITORS, *REPORTERS)),
            ("staff.rounds", _("Rounds"), EDITORS),
            ("staff.series", _("Series"), EDITORS),
        ),
    ),
    (
        _("Mail"),
        (
            ("staff.campaigns", _("Campaigns"), (*EDITORS, *FINANCE)),
            ("staff.mail", _("Mail"), FINANCE),
            ("staff.wording", _("Wording"), EDITORS),
            ("staff.my_mail", _("My mail"), ()),
        ),
    ),
    (
        _("Money"),
        (
            ("staff.manual", _("By hand"), FINANCE),
            ("staff.pool", _("Pool"), FINANCE),
            ("staff.disputes", _("Disputes"), FINANCE),
            ("staff.events", _("Events"), FINANCE),
            ("staff.differences", _("Differences"), FINANCE),
        ),
    ),
    (
        _("The site"),
        (
            ("staff.asks", _("Asks"), EDITORS),
            ("staff.ways", _("Other ways"), (*EDITORS, *FINANCE)),
            ("staff.transparency", _("Transparency"), FINANCE),
        ),
    ),
)


@blueprint.context_processor
def rooms() -> dict[str, Any]:
    """`staff_groups`: (name, [(path, name) of a room]), as far as this person may enter.

    `staff_room`: the path of the room where we are.
    A room may lie in another, as the board does in the topics: the innermost is meant.
    """
    groups = [
        (
            title,
            [(url_for(endpoint), name) for endpoint, name, roles in of if access.has_role(*roles)],
        )
        for title, of in GROUPS
    ]
    here = request.script_root + request.path
    overview = url_for("staff.overview")
    around = [
        room
        for _title, of in groups
        for room, _name in of
        if here == room or (room != overview and here.startswith(room))
    ]
    return {
        "staff_groups": [group for group in groups if group[1]],
        "staff_room": max(around, key=len, default=""),
    }


def me() -> Account:
    """Who is signed in, as the row it is."""
    account: Account = current_user._get_current_object()
    return account


def found(row: Any) -> Any:
    """`row`, or the page that says there is none."""
    if row is None:
        abort(404)
    return row


def back_to(endpoint: str, **values: Any) -> Response:
    """After a change: look at the page again, so that reloading repeats nothing."""
    return redirect(url_for(endpoint, **values), 303)
