"""Who stays and who leaves; who they are and what they wrote, for those who may see names.

Each look at them stands in the audit log (rules D2, S8, S9).
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.reports import behind, leavers, retention, words
from membership.reports.report import Asked, Report
from membership.reports.staying_tables import month_name
from membership.staff.figures import pages
from membership.staff.room import me

LISTS: Mapping[str, Callable[..., behind.Page[Any]]] = {
    "began": behind.began,
    "left": behind.left,
}


def _report(session: Session, asked: Asked) -> Report:
    return retention.report(session, asked, lambda name, value: _address(**{name: value}))


def _address(**values: str) -> str:
    """The page as it was asked for, with another list below it."""
    return url_for("staff.retention", **(pages.asked_in_address() | values), _anchor="people")


def _people(session: Session, asked: Asked) -> Mapping[str, Any]:
    """The list below the figures, for who sees all."""
    if not asked.sees_all:
        return {}
    before = request.args.get("before", "")
    for name, found in LISTS.items():
        month = pages.month_asked_for(name)
        if month is not None:
            page = found(session, asked.currency, month, before)
            _looked_at(session, name, {row.account.id for row in page.rows})
            older = page.older and _address(
                **{name: f"{month.first_day:%Y-%m}", "before": page.older}
            )
            return {
                "list": name,
                "month": month_name(month.first_day),
                "people": page,
                "older": older,
                "words": words,
            }
    return _in_their_words(session, asked, before)


def _in_their_words(session: Session, asked: Asked, before: str) -> Mapping[str, Any]:
    reason = request.args.get("reason", "")
    reason = reason if reason in words.LEAVING else ""
    found = leavers.in_their_words(session, asked, reason, before)
    _looked_at(session, "words", {each.account.id for each in found.said})
    return {
        "list": "words",
        "people": found,
        "reason": reason,
        "older": found.older and _address(reason=reason, before=found.older),
        "all_words": _address(),
        "words": words,
    }


def _looked_at(session: Session, name: str, accounts: set[int]) -> None:
    if accounts:
        audit.record(session, "leavers.listed", name, actor_id=me().id, accounts=sorted(accounts))


pages.add(
    pages.Page(
        "retention",
        _("Retention"),
        _("Who stays, who leaves, and why."),
        _report,
        template="staff/retention.html",
        beside=_people,
    )
)
