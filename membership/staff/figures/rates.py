"""Exchange rates for the view in euro: what is known, and a file of more."""

from typing import Any

from flask import flash, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired

from membership import clock
from membership.db import transaction
from membership.reports import rates as kept
from membership.reports.rates.files import NotRatesError
from membership.staff.room import FINANCE, back_to, blueprint, me
from membership.web import access


class RatesForm(FlaskForm):  # type: ignore[misc]
    file = FileField(_l("File of rates"), [FileRequired(_l("Please choose a file."))])


@blueprint.route("/rates", methods=["GET", "POST"])
@access.staff(*FINANCE)
def rates() -> Any:
    """POST brings in `file`, as the European Central Bank publishes them."""
    form = RatesForm()
    if not form.validate_on_submit():
        page = _page(form)
        return (page, 422) if form.is_submitted() else page
    try:
        with transaction() as session:
            file = form.file.data
            done = kept.bring_in(session, file.read(), file.filename or "", me().id)
    except NotRatesError as error:
        form.file.errors = [
            _("This is no file of exchange rates, so nothing was changed. %(why)s", why=error)
        ]
        return _page(form), 422
    flash(
        ngettext(
            "%(written)d of %(num)d rate was new.",
            "%(written)d of %(num)d rates were new.",
            done.rates,
            written=done.written,
        ),
        "good",
    )
    return back_to("staff.rates")


def _page(form: RatesForm) -> str:
    today = clock.now().date()
    with transaction() as session:
        codes = kept.ours(session)
        known = kept.rates(session, codes, [], today)
    rows = [(code, known.newest.get(code), known.per_euro.get((code, today))) for code in codes]
    return render_template("staff/rates.html", form=form, rows=rows)
