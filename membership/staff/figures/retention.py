"""Who stays and who leaves; who they are and what they wrote, for those who may see names.

Each look at them stands in the audit log (rules D2, S8, S9).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.reports import keyset, words
from membership.reports.day_names import month_name
from membership.reports.keyset import Page
from membership.reports.overview.tables import ALL
from membership.reports.periods import Period
from membership.reports.report import Asked, Report
from membership.reports.retention import behind, leavers
from membership.reports.retention import page as retention
from membership.staff.figures import lists, pages
from membership.staff.room import me

LISTS: Mapping[str, Callable[..., Page[Any]]] = {
    "began": behind.began,
    "left": behind.left,
}
LINES: Mapping[str, Callable[[Iterable[Any], str], Iterator[list[str]]]] = {
    "began": lists.began,
    "left": lists.left,
}


def _report(session: Session, asked: Asked) -> Report:
    if not asked.sees_all:
        return retention.report(session, asked)

    def behind(name: str, value: str) -> str:
        if name == "moved":
            of_month = {"moved": ALL, "month": value}
            return url_for(
                "staff.overview", **(pages.asked_in_address() | of_month), _anchor="people"
            )
        return _address(**{name: value})

    return retention.report(session, asked, behind)


def _address(endpoint: str = "staff.retention", **values: str) -> str:
    """The page as it was asked for, with another list below it; or that list's file."""
    anchor = "people" if endpoint == "staff.retention" else None
    return url_for(endpoint, **(pages.asked_in_address() | values), _anchor=anchor)


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
            this = {name: f"{month.first_day:%Y-%m}"}
            older = page.older and _address(**this, before=page.older)
            return {
                "list": name,
                "month": month_name(month.first_day),
                "people": page,
                "older": older,
                "as_csv": _address("staff.retention_people", **this),
                "words": words,
            }
    return _in_their_words(session, asked, before)


def _in_their_words(session: Session, asked: Asked, before: str) -> Mapping[str, Any]:
    reason = _reason()
    found = leavers.in_their_words(session, asked, reason, before)
    _looked_at(session, "words", {each.account.id for each in found.rows})
    return {
        "list": "words",
        "people": found,
        "reason": reason,
        "older": found.older and _address(reason=reason, before=found.older),
        "all_words": _address(),
        "as_csv": _address("staff.retention_people", reason=reason),
        "words": words,
    }


def _reason() -> str:
    """One of words.LEAVING that stands in the address, or nothing."""
    reason = request.args.get("reason", "")
    return reason if reason in words.LEAVING else ""


def _listed(session: Session, asked: Asked) -> pages.Listed:
    """All of the list that stands below the figures."""
    for name, found in LISTS.items():
        month = pages.month_asked_for(name)
        if month is not None:
            lines = LINES[name](_all_of(session, asked, found, month), asked.currency)
            return pages.Listed(f"{name}-{month.first_day:%Y-%m}", lines)
    reason = _reason()

    def some(place: str) -> Page[leavers.Said]:
        return leavers.in_their_words(session, asked, reason, place, limit=lists.AT_ONCE)

    name = f"words-{reason}" if reason else "words"
    return pages.Listed(name, lists.words(keyset.to_the_end(some)))


def _all_of(
    session: Session, asked: Asked, found: Callable[..., Page[Any]], month: Period
) -> Iterator[Any]:
    def some(place: str) -> Page[Any]:
        return found(session, asked.currency, month, place, limit=lists.AT_ONCE)

    return keyset.to_the_end(some)


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
        listed=_listed,
    )
)
