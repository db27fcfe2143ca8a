"""The public page of where the money comes from: its words, its preview, its switch."""

from typing import Any

from flask import flash, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import TextAreaField
from wtforms.validators import Length, ValidationError

from config.settings import settings
from membership.billing.forms import tidy
from membership.campaigns import writing
from membership.db import transaction
from membership.reports import transparency_page
from membership.staff.forms import InnerReasonForm
from membership.staff.room import FINANCE, back_to, blueprint, me
from membership.web import access
from membership.web.languages import language_choices

Answer = str | Response | tuple[str, int]
MOST_LETTERS = 4000


def _no_pictures(_form: object, field: Any) -> None:
    """Nobody's server learns who reads the page (rule S10)."""
    if writing.has_pictures(field.data or ""):
        raise ValidationError(_("The page takes no pictures. Please leave them out."))


def _words_form(introductions: dict[str, str], **options: Any) -> FlaskForm:
    """A reason, and one text a language in fields called by their codes."""
    length = Length(max=MOST_LETTERS, message=_l("Please keep the text under 4,000 letters."))
    fields = {
        code: TextAreaField(name, [length, _no_pictures], filters=[tidy])
        for code, name in language_choices()
    }
    form: FlaskForm = type("WordsForm", (InnerReasonForm,), fields)(data=introductions, **options)
    return form


def _switch_form(**options: Any) -> InnerReasonForm:
    """A reason, beside the other form's on the same page."""
    form = InnerReasonForm(**options)
    form.reason.id = "switch-reason"
    return form


@blueprint.route("/transparency", methods=["GET", "POST"])
@access.staff(*FINANCE)
def transparency() -> Answer:
    """POST saves the introduction: a field a language, and `reason`."""
    with transaction() as session:
        page = transparency_page.find(session)
        form = _words_form(page.introductions)
        if form.validate_on_submit():
            words = {code: form[code].data for code in settings().languages}
            transparency_page.write(session, me(), words, form.reason.data)
            flash(_("Saved."), "good")
            return back_to("staff.transparency")
        status = 422 if form.is_submitted() else 200
        return _page(session, form, _switch_form(formdata=None), status)


@blueprint.post("/transparency/<any(on, off):switch>")
@access.staff(*FINANCE)
def switch_transparency(switch: str) -> Answer:
    """Show it to everybody, or to nobody: field `reason`."""
    form = _switch_form()
    with transaction() as session:
        if not form.validate():
            introductions = transparency_page.find(session).introductions
            return _page(session, _words_form(introductions, formdata=None), form, 422)
        is_on = switch == "on"
        transparency_page.switch(session, me(), on=is_on, reason=form.reason.data)
    flash(_("Everybody can read it now.") if is_on else _("Nobody can read it any more."), "good")
    return back_to("staff.transparency")


def _page(session: Session, words: FlaskForm, switch: FlaskForm, status: int) -> tuple[str, int]:
    page = transparency_page.find(session)
    shown = render_template(
        "staff/transparency.html",
        words=words,
        switch=switch,
        page=page,
        languages_written=settings().languages,
        **transparency_page.values(session, page),
    )
    return shown, status
