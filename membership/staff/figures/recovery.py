"""Payments that fail; whose they are, for those who may see names with amounts (rules D3, S8)."""

import re
from collections.abc import Mapping
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.reports import at_risk, recovery, stripe_words
from membership.reports.report import Asked, Report
from membership.staff.figures import pages
from membership.staff.room import me

# Stripe's words for why, of which it may have new ones.
CODE = re.compile("[a-z_]{1,60}")


def _report(session: Session, asked: Asked) -> Report:
    return recovery.report(session, asked, lambda name, value: _address(**{name: value}))


def _address(**values: str) -> str:
    """The page as it was asked for, with another list below it."""
    given = {name: value for name, value in values.items() if name and value}
    return url_for("staff.recovery", **(pages.asked_in_address() | given), _anchor="people")


def _people(session: Session, asked: Asked) -> Mapping[str, Any]:
    """The list below the figures, for who sees all: what fails now, or what failed then."""
    if not asked.sees_all:
        return {}
    code = request.args.get("code", "")
    code = code if CODE.fullmatch(code) else ""
    month = pages.month_asked_for("month")
    days = month or (asked.period if code else None)
    found = at_risk.page(session, asked.currency, request.args.get("before", ""), days, code)
    if found.patrons:
        audit.record(
            session,
            "at_risk.listed",
            "at_risk",
            actor_id=me().id,
            accounts=sorted({each.account.id for each in found.patrons}),
        )
    asked_for = {"month": f"{month.first_day:%Y-%m}" if month else "", "code": code}
    return {
        "people": found,
        "days": days,
        "code": code,
        "now": _address(),
        "older": found.older and _address(**asked_for, before=found.older),
        "stripe_words": stripe_words,
    }


pages.add(
    pages.Page(
        "recovery",
        _("Recovery"),
        _("Payments that failed, what became of them, and what fails now."),
        _report,
        template="staff/recovery.html",
        beside=_people,
    )
)
