"""Who votes, and what becomes of it."""

from flask_babel import lazy_gettext as _

from membership.reports.participation.page import participation
from membership.staff.figures import pages

PAGE = pages.Page(
    "participation",
    _("Participation"),
    _(
        "Of votes that are settled. Nobody’s choice is known, and groups of fewer than 5 are "
        "hidden from everybody."
    ),
    participation,
)
pages.add(PAGE)
