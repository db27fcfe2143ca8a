"""Why people come: stories, asks, and who they brought (rule D4)."""

from flask import url_for
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from membership.reports.acquisition import page as acquisition
from membership.reports.report import Asked, Report
from membership.staff.figures import pages


def _report(session: Session, asked: Asked) -> Report:
    if not asked.sees_all:
        return acquisition.report(session, asked)

    def patrons_of(article_id: int) -> str:
        first, last = asked.period.first_day, asked.period.last_day
        return url_for("staff.patrons", source=article_id, since=first, until=last)

    return acquisition.report(session, asked, patrons_of)


pages.add(
    pages.Page(
        "acquisition",
        _("Acquisition"),
        _(
            "Why people come. Reads and asks seen are counted without knowing who reads, and only "
            "where JavaScript runs: who reads without it is not counted."
        ),
        _report,
    )
)
