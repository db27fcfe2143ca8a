"""Who stays and who leaves; what leavers wrote, for those who may see names (rules D2, S8)."""

from collections.abc import Mapping
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.reports import leavers, retention, words
from membership.reports.report import Asked, Report
from membership.staff.figures import pages
from membership.staff.room import me


def _report(session: Session, asked: Asked) -> Report:
    return retention.report(session, asked, lambda reason: _address(reason=reason))


def _address(**values: str) -> str:
    """The page as it was asked for, at what leavers wrote; without the place in an older list."""
    asked = {name: value for name, value in request.args.items() if name != "before"}
    return url_for("staff.retention", **(asked | values), _anchor="words")


def _in_their_words(session: Session, asked: Asked) -> Mapping[str, Any]:
    if not asked.sees_all:
        return {}
    reason = request.args.get("reason", "")
    reason = reason if reason in words.LEAVING else ""
    found = leavers.in_their_words(session, asked, reason, request.args.get("before", ""))
    if found.said:
        audit.record(
            session,
            "leavers.listed",
            "leavers",
            actor_id=me().id,
            accounts=sorted({each.account.id for each in found.said}),
        )
    return {
        "texts": found,
        "reason": reason,
        "reasons": words.LEAVING,
        "states": words.SUBSCRIPTION,
        "all_texts": _address(reason=""),
        "older": _address(before=found.older) if found.older else "",
    }


pages.add(
    pages.Page(
        "retention",
        _("Retention"),
        _("Who stays, who leaves, and why."),
        _report,
        template="staff/retention.html",
        beside=_in_their_words,
    )
)
