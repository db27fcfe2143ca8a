"""Other ways to support, as the newsroom writes them: add, edit, order, hide.

Where money goes is written here, so each change stands in the audit log with before and after.
"""

from typing import Any

from flask import flash, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.billing.gifts import ways as other_ways
from membership.billing.gifts.models import WAYS, OtherWay
from membership.db import lock, transaction
from membership.reports import words
from membership.staff.room import EDITORS, FINANCE, back_to, blueprint, found, me
from membership.web import access
from membership.web.languages import language_choices

WRITTEN = ("kind", "language", "title", "text", "value")
Answer = str | Response | tuple[str, int]


def _tidy(text: str | None) -> str:
    return (text or "").replace("\0", "").replace("\r\n", "\n").strip()


class WayForm(FlaskForm):  # type: ignore[misc]
    """One way, in one language. What `value` must be depends on the kind."""

    kind = SelectField(_l("Kind"))
    language = SelectField(_l("Language"))
    title = StringField(
        _l("Title"),
        [
            DataRequired(_l("It needs a title.")),
            Length(max=100, message=_l("Please keep the title under 100 letters.")),
        ],
        filters=[_tidy],
    )
    text = TextAreaField(
        _l("Text"),
        [
            DataRequired(_l("Say in a sentence how it is done.")),
            Length(max=4000, message=_l("Please keep the text under 4,000 letters.")),
        ],
        filters=[_tidy],
    )
    value = TextAreaField(_l("What to copy, follow or scan"), filters=[_tidy])

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind.choices = list(words.WAY.items())
        self.language.choices = language_choices()

    def validate_value(self, field: Any) -> None:
        if len(field.data) > other_ways.LONGEST_VALUE:
            raise ValidationError(_("Please keep it under 500 letters."))
        if self.kind.data == "transfer" and not field.data:
            raise ValidationError(_("Readers need the account: write its lines here."))
        if self.kind.data == "crypto" and (not field.data or len(field.data.split()) != 1):
            raise ValidationError(_("Write the address of one wallet here, and nothing else."))
        if self.kind.data == "paypal":
            try:
                field.data = other_ways.link(field.data)
            except other_ways.NoLinkError as error:
                raise ValidationError(
                    _("Write the whole link here. It begins with https://.")
                ) from error

    def written(self) -> dict[str, Any]:
        """What stands in the row."""
        return {name: self[name].data or None for name in WRITTEN}


@blueprint.get("/ways")
@access.staff(*EDITORS, *FINANCE)
def ways() -> str:
    with transaction() as session:
        by_language = {code: _of_language(session, code) for code in settings().languages}
    return render_template(
        "staff/ways.html", by_language=by_language, names=dict(language_choices()), words=words
    )


@blueprint.route("/ways/new", methods=["GET", "POST"])
@access.staff(*EDITORS, *FINANCE)
def new_way() -> Answer:
    form = WayForm(data={"language": request.args.get("language"), "kind": WAYS[0]})
    if not form.validate_on_submit():
        page = render_template("staff/way.html", form=form, way=None)
        return (page, 422) if form.is_submitted() else page
    with transaction() as session:
        lock(session, "other_way")
        last = select(func.max(OtherWay.position)).where(OtherWay.language == form.language.data)
        way = OtherWay(**form.written(), position=(session.scalar(last) or 0) + 1)
        _sign(way)
        session.add(way)
        session.flush()
        _audit(session, "way.added", way, after=form.written())
    flash(_("Added. Readers see it now."), "good")
    return back_to("staff.ways")


@blueprint.route("/ways/<int:way_id>", methods=["GET", "POST"])
@access.staff(*EDITORS, *FINANCE)
def way(way_id: int) -> Answer:
    with transaction() as session:
        shown = _locked(session, way_id)
        form = WayForm(obj=shown)
        if not form.validate_on_submit():
            page = render_template("staff/way.html", form=form, way=shown)
            return (page, 422) if form.is_submitted() else page
        before = {name: getattr(shown, name) for name in WRITTEN}
        after = form.written()
        changed = [name for name in WRITTEN if before[name] != after[name]]
        if changed:
            for name in changed:
                setattr(shown, name, after[name])
            _sign(shown)
            _audit(
                session,
                "way.changed",
                shown,
                before={name: before[name] for name in changed},
                after={name: after[name] for name in changed},
            )
    flash(_("Saved. Readers see it now."), "good")
    return back_to("staff.ways")


@blueprint.post("/ways/<int:way_id>/show")
@access.staff(*EDITORS, *FINANCE)
def show_way(way_id: int) -> Response:
    """Show it to readers, or hide it: field `shown`, 1 or 0."""
    with transaction() as session:
        way = _locked(session, way_id)
        is_shown = request.form.get("shown") == "1"
        if way.is_shown != is_shown:
            way.is_shown = is_shown
            _sign(way)
            _audit(session, "way.shown" if is_shown else "way.hidden", way)
    return back_to("staff.ways")


@blueprint.post("/ways/<int:way_id>/move")
@access.staff(*EDITORS, *FINANCE)
def move_way(way_id: int) -> Response:
    """One place up or down among those of its language: field `by`, -1 or 1."""
    with transaction() as session:
        lock(session, "other_way")
        way = _locked(session, way_id)
        ordered = _of_language(session, way.language)
        place = ordered.index(way)
        other = place + (-1 if request.form.get("by") == "-1" else 1)
        if 0 <= other < len(ordered):
            ordered[place], ordered[other] = ordered[other], ordered[place]
            for position, each in enumerate(ordered, 1):
                each.position = position
            _audit(session, "way.moved", way, position=other + 1)
    return back_to("staff.ways")


def _of_language(session: Session, language: str) -> list[OtherWay]:
    """All of a language in the order in which readers see them, hidden ones too."""
    query = select(OtherWay).where(OtherWay.language == language)
    return list(session.scalars(query.order_by(OtherWay.position, OtherWay.id)))


def _locked(session: Session, way_id: int) -> OtherWay:
    way: OtherWay = found(session.get(OtherWay, way_id, with_for_update=True))
    return way


def _sign(way: OtherWay) -> None:
    way.updated_by_id, way.updated_at = me().id, clock.now()


def _audit(session: Session, action: str, way: OtherWay, **detail: Any) -> None:
    audit.record(session, action, f"other_way:{way.id}", actor_id=me().id, **detail)
