"""The first page: how we are, and what needs a person now. And what every figure means."""

from collections.abc import Mapping
from typing import Any

from flask import render_template
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from membership.reports.attention import attention
from membership.reports.definitions import DEFINITIONS
from membership.reports.overview.page import build
from membership.reports.report import Asked
from membership.staff.figures import pages
from membership.staff.room import blueprint
from membership.web import access


def _beside(session: Session, _asked: Asked) -> Mapping[str, Any]:
    return {"needs": attention(session)}


PAGE = pages.Page(
    name="overview",
    title=_("Overview"),
    lead="",
    build=build,
    template="staff/overview.html",
    usual_period="month",
    converts=True,
    beside=_beside,
)
pages.add(PAGE, "/")


@blueprint.get("/figures")
@access.staff()
def figures() -> str:
    """What each figure means."""
    return render_template("staff/figures.html", definitions=DEFINITIONS.values())
