"""Payments that fail; whose they are, for those who may see names with amounts (rules D3, S8)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.reports import keyset, stripe_words, words
from membership.reports.keyset import Page
from membership.reports.periods import Period
from membership.reports.recovery import at_risk, cards
from membership.reports.recovery import page as recovery
from membership.reports.report import Asked, Report
from membership.staff.figures import lists, pages
from membership.staff.room import me

# Stripe's words for why, of which it may have new ones.
CODE = re.compile("[a-z_]{1,60}")


def _report(session: Session, asked: Asked) -> Report:
    if not asked.sees_all:
        return recovery.report(session, asked)
    return recovery.report(session, asked, lambda name, value: _address(**{name: value}))


def _address(endpoint: str = "staff.recovery", **values: str) -> str:
    """The page as it was asked for, with another list below it; or that list's file."""
    given = {name: value for name, value in values.items() if name and value}
    anchor = "people" if endpoint == "staff.recovery" else None
    return url_for(endpoint, **(pages.asked_in_address() | given), _anchor=anchor)


@dataclass(frozen=True)
class _Wanted:
    """The list below the figures: of a month, of a code, of a means, of all that failed in the days
    asked for, of cards that expire within so many days.

    With none of them it is of what fails now.
    """

    month: Period | None
    code: str
    means: str
    cards: int
    has_failed: bool = False

    @property
    def name(self) -> str:
        """In the name of its file."""
        if self.cards:
            return f"cards-{self.cards}"
        month = f"{self.month.first_day:%Y-%m}" if self.month else ""
        return "-".join(filter(None, (month, self.code, self.means))) or (
            "failed" if self.has_failed else "failing"
        )

    def days(self, asked: Asked) -> Period | None:
        """Of the failures; None for what fails now."""
        if self.month or not (self.code or self.means or self.has_failed):
            return self.month
        return asked.period

    def address(self, **more: str) -> str:
        month = f"{self.month.first_day:%Y-%m}" if self.month else ""
        failed = "all" if self.has_failed else ""
        soon = str(self.cards or "")
        which = {"month": month, "code": self.code, "means": self.means}
        return _address(**which, cards=soon, failed=failed, **more)


def _wanted() -> _Wanted:
    """From the address of the page; what makes no sense there is left out."""
    code, means, soon = (request.args.get(name, "") for name in ("code", "means", "cards"))
    return _Wanted(
        pages.month_asked_for("month"),
        code if CODE.fullmatch(code) else "",
        means if means in stripe_words.RECOVERED_BY else "",
        int(soon) if soon in {str(days) for days in cards.SOON} else 0,
        request.args.get("failed") == "all",
    )


def _people(session: Session, asked: Asked) -> Mapping[str, Any]:
    """The list below the figures, for who sees all."""
    if not asked.sees_all:
        return {}
    wanted, before = _wanted(), request.args.get("before", "")
    found: Page[at_risk.AtRisk] | Page[cards.Expiring]
    if wanted.cards:
        found = cards.page(session, asked.currency, asked.today, wanted.cards, before)
    else:
        days = wanted.days(asked)
        found = at_risk.page(session, asked.currency, before, days, wanted.code, wanted.means)
    if accounts := {each.account.id for each in found.rows}:
        deed = "cards.listed" if wanted.cards else "at_risk.listed"
        kind = "cards" if wanted.cards else "at_risk"
        audit.record(session, deed, kind, actor_id=me().id, accounts=sorted(accounts))
    return {
        "people": found,
        "cards": wanted.cards,
        "days": wanted.days(asked),
        "code": wanted.code,
        "means": wanted.means,
        "now": _address(),
        "older": found.older and wanted.address(before=found.older),
        "as_csv": wanted.address(endpoint="staff.recovery_people"),
        "stripe_words": stripe_words,
        "words": words,
    }


def _listed(session: Session, asked: Asked) -> pages.Listed:
    """All of that list."""
    wanted = _wanted()

    def some(place: str) -> Page[at_risk.AtRisk]:
        days = wanted.days(asked)
        which = days, wanted.code, wanted.means
        return at_risk.page(session, asked.currency, place, *which, limit=lists.AT_ONCE)

    def some_cards(place: str) -> Page[cards.Expiring]:
        return cards.page(
            session, asked.currency, asked.today, wanted.cards, place, limit=lists.AT_ONCE
        )

    if wanted.cards:
        return pages.Listed(wanted.name, lists.cards(keyset.to_the_end(some_cards)))
    return pages.Listed(wanted.name, lists.failed(keyset.to_the_end(some)))


pages.add(
    pages.Page(
        "recovery",
        _("Recovery"),
        _("Payments that failed, what became of them, and what fails now."),
        _report,
        template="staff/recovery.html",
        beside=_people,
        listed=_listed,
    )
)
