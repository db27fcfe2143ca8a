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
ROOMS: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    ("staff.overview", _("Overview"), ()),
    ("staff.retention", _("Retention"), ()),
    ("staff.recovery", _("Recovery"), ()),
    ("staff.acquisition", _("Acquisition"), ()),
    ("staff.asks", _("Asks"), EDITORS),
    ("staff.participation", _("Participation"), ()),
    ("staff.transparency", _("Transparency"), FINANCE),
    ("staff.patrons", _("Patrons"), FINANCE),
    ("staff.topics", _("Topics"), EDITORS),
    ("staff.board", _("Board"), (*EDITORS, *REPORTERS)),
    ("staff.rounds", _("Rounds"), EDITORS),
    ("staff.campaigns", _("Campaigns"), (*EDITORS, *FINANCE)),
    ("staff.mail", _("Mail"), FINANCE),
    ("staff.wording", _("Wording"), EDITORS),
    ("staff.manual", _("By hand"), FINANCE),
    ("staff.pool", _("Pool"), FINANCE),
    ("staff.ways", _("Other ways"), (*EDITORS, *FINANCE)),
    ("staff.disputes", _("Disputes"), FINANCE),
    ("staff.events", _("Events"), FINANCE),
    ("staff.differences", _("Differences"), FINANCE),
    ("staff.exports", _("Exports"), FINANCE),
    ("staff.my_mail", _("My mail"), ()),
    ("staff.arrivals", _("Imports"), FINANCE),
)


@blueprint.context_processor
def rooms() -> dict[str, Any]:
    """`staff_rooms`: (path, name) of the rooms this person may enter; `staff_room`: where we are.

    A room may lie in another, as the board does in the topics: the innermost is meant.
    """
    may_enter = [
        (url_for(endpoint), name) for endpoint, name, roles in ROOMS if access.has_role(*roles)
    ]
    here = request.script_root + request.path
    overview = url_for("staff.overview")
    around = [
        room
        for room, _name in may_enter
        if here == room or (room != overview and here.startswith(room))
    ]
    return {"staff_rooms": may_enter, "staff_room": max(around, key=len, default="")}


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
