"""Why people come: stories, asks, and who they brought (rule D4).

Whose payments they are is for those who may see names with amounts (rule S8).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import abort, request, url_for
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.reports import keyset, words
from membership.reports.acquisition import behind, came
from membership.reports.acquisition import page as acquisition
from membership.reports.acquisition.behind import Wanted
from membership.reports.keyset import Page
from membership.reports.report import Asked, Report
from membership.staff.figures import lists, pages
from membership.staff.room import me

# What an address says of the list: an interval or all, a currency, and the tier of both.
NAMES = ("paid", "given", "tier")
CURRENCY = re.compile("[A-Z]{3}")


def _report(session: Session, asked: Asked) -> Report:
    if not asked.sees_all:
        return acquisition.report(session, asked)
    return acquisition.report(session, asked, _rows_of(asked))


def _rows_of(asked: Asked) -> Callable[..., str]:
    def rows_of(story: str = "", **wanted: str) -> str:
        if story:
            first, last = asked.period.first_day, asked.period.last_day
            return url_for("staff.patrons", source=story, since=first, until=last)
        return _address(**wanted)

    return rows_of


def _address(endpoint: str = "staff.acquisition", **values: str) -> str:
    """The page as it was asked for, with a list below it; or that list's file."""
    given = {name: value for name, value in values.items() if value}
    anchor = "people" if endpoint == "staff.acquisition" else None
    return url_for(endpoint, **(pages.asked_in_address() | given), _anchor=anchor)


def _wanted() -> Wanted | None:
    """From the address of the page; what makes no sense there is left out."""
    paid, currency, tier = (request.args.get(name, "") for name in NAMES)
    interval = paid if paid in came.INTERVALS else ""
    currency = currency if CURRENCY.fullmatch(currency) else ""
    if not (interval or currency or paid == came.ALL):
        return None
    has_tier = interval and currency and tier in came.leasts(interval, currency)
    return Wanted(interval, currency, tier if has_tier else "")


def _people(session: Session, asked: Asked) -> Mapping[str, Any]:
    """The list below the figures, for who sees all."""
    wanted = _wanted() if asked.sees_all else None
    if wanted is None:
        return {}
    found = behind.paid(session, asked.period, wanted, request.args.get("before", ""))
    if accounts := {row.account.id for row in found.rows}:
        audit.record(session, "came.listed", "paid", actor_id=me().id, accounts=sorted(accounts))
    paid = wanted.interval or ("" if wanted.currency else came.ALL)
    this = dict(zip(NAMES, (paid, wanted.currency, wanted.tier), strict=True))
    return {
        "wanted": wanted,
        "people": found,
        "older": found.older and _address(**this, before=found.older),
        "as_csv": _address("staff.acquisition_people", **this),
        "tiers": came.TIERS,
        "words": words,
    }


def _listed(session: Session, asked: Asked) -> pages.Listed:
    """All of that list."""
    wanted = _wanted()
    if wanted is None:
        abort(404)

    def some(place: str) -> Page[behind.Paid]:
        return behind.paid(session, asked.period, wanted, place, limit=lists.AT_ONCE)

    which = filter(None, ("paid", wanted.interval, wanted.currency, wanted.tier))
    name = f"{'-'.join(which)}-{asked.period.first_day}-{asked.period.last_day}"
    return pages.Listed(name, lists.paid(keyset.to_the_end(some)))


pages.add(
    pages.Page(
        "acquisition",
        _("Acquisition"),
        _(
            "Why people come. Reads and asks seen are counted without knowing who reads, and only "
            "where JavaScript runs: who reads without it is not counted."
        ),
        _report,
        template="staff/acquisition.html",
        beside=_people,
        listed=_listed,
    )
)
