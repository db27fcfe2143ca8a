"""The first page: how we are, and what needs a person now. And what every figure means."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import abort, render_template, request, url_for
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.billing.models import MOVEMENTS
from membership.reports import keyset, words
from membership.reports.attention import attention
from membership.reports.definitions import DEFINITIONS
from membership.reports.keyset import Page
from membership.reports.overview import behind
from membership.reports.overview.page import Overview, build
from membership.reports.overview.tables import ALL
from membership.reports.periods import Period
from membership.reports.report import Asked
from membership.staff.figures import lists, pages
from membership.staff.room import blueprint, me
from membership.web import access


@dataclass(frozen=True)
class _Wanted:
    """The list below the figures: of a "moved" (a movement, or all), or of all of PAYMENTS."""

    name: str
    which: str
    days: Period

    def page(
        self, session: Session, asked: Asked, before: str, limit: int = behind.PAGE
    ) -> Page[Any]:
        if self.name in behind.PAYMENTS:
            return behind.payments(
                session, asked.currency, self.days, self.name, before, limit=limit
            )
        which = "" if self.which == ALL else self.which
        return behind.moved(session, asked.currency, self.days, which, before, limit=limit)

    def lines(self, rows: Iterable[Any], currency: str) -> Iterator[list[str]]:
        if self.name in behind.PAYMENTS:
            return lists.payments(rows)
        return lists.moved(rows, currency)


def _wanted(asked: Asked) -> _Wanted | None:
    """From the address of the page; what makes no sense there is left out."""
    days = asked.period
    month = pages.month_asked_for("month")
    if month is not None and month.first_day <= days.last_day:
        days = Period(month.first_day, min(month.last_day, days.last_day))
    choices = {"moved": (ALL, *MOVEMENTS)} | dict.fromkeys(behind.PAYMENTS, (ALL,))
    for name, known in choices.items():
        which = request.args.get(name, "")
        if which in known:
            return _Wanted(name, which, days)
    return None


def _report(session: Session, asked: Asked) -> Overview:
    return build(session, asked, _address)


def _address(endpoint: str = "staff.overview", **values: str) -> str:
    """The page as it was asked for, with a list below it; or that list's file."""
    anchor = "people" if endpoint == "staff.overview" else None
    return url_for(endpoint, **(pages.asked_in_address() | values), _anchor=anchor)


def _beside(session: Session, asked: Asked) -> Mapping[str, Any]:
    wanted = _wanted(asked) if asked.sees_all and not asked.is_converted else None
    people = _people(session, asked, wanted) if wanted else {}
    return {"needs": attention(session), **people}


def _people(session: Session, asked: Asked, wanted: _Wanted) -> Mapping[str, Any]:
    """The list below the figures, for who sees all."""
    page = wanted.page(session, asked, request.args.get("before", ""))
    if accounts := {row.account.id for row in page.rows}:
        of_money = "gifts.listed" if wanted.name == "gifts" else "payments.listed"
        deed = "movements.listed" if wanted.name == "moved" else of_money
        audit.record(session, deed, wanted.name, actor_id=me().id, accounts=sorted(accounts))
    this = {name: request.args[name] for name in (wanted.name, "month") if name in request.args}
    return {
        "wanted": wanted,
        "people": page,
        "older": page.older and _address(**this, before=page.older),
        "as_csv": _address("staff.overview_people", **this),
        "words": words,
    }


def _listed(session: Session, asked: Asked) -> pages.Listed:
    """All of that list; of none that is named, all that moved MRR."""
    if asked.is_converted:
        abort(404)
    wanted = _wanted(asked) or _Wanted("moved", ALL, asked.period)

    def some(place: str) -> Page[Any]:
        return wanted.page(session, asked, place, lists.AT_ONCE)

    name = f"{wanted.name}-{wanted.which}-{wanted.days.first_day}-{wanted.days.last_day}"
    return pages.Listed(name, wanted.lines(keyset.to_the_end(some), asked.currency))


PAGE = pages.Page(
    name="overview",
    title=_("Overview"),
    lead="",
    build=_report,
    template="staff/overview.html",
    usual_period="month",
    converts=True,
    beside=_beside,
    listed=_listed,
)
pages.add(PAGE, "/")


@blueprint.get("/figures")
@access.staff()
def figures() -> str:
    """What each figure means."""
    return render_template("staff/figures.html", definitions=DEFINITIONS.values())
