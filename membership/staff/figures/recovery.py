"""Payments that fail; whose they are, for those who may see names with amounts (rules D3, S8)."""

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


def _report(session: Session, asked: Asked) -> Report:
    return recovery.report(session, asked, "#at-risk" if asked.sees_all else "")


def _at_risk(session: Session, asked: Asked) -> Mapping[str, Any]:
    if not asked.sees_all:
        return {}
    found = at_risk.page(session, asked.currency, request.args.get("before", ""))
    if found.patrons:
        audit.record(
            session,
            "at_risk.listed",
            "at_risk",
            actor_id=me().id,
            accounts=sorted({each.account.id for each in found.patrons}),
        )
    more = {**request.args, "before": found.older}
    return {
        "at_risk": found,
        "stripe_words": stripe_words,
        "older": url_for("staff.recovery", **more, _anchor="at-risk") if found.older else "",
    }


pages.add(
    pages.Page(
        "recovery",
        _("Recovery"),
        _("Payments that failed, what became of them, and what fails now."),
        _report,
        template="staff/recovery.html",
        beside=_at_risk,
    )
)
