"""The pool that readers pay into for others: what it has, and granting months from it."""

from typing import Any

from flask import flash, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
)

from config.settings import settings
from membership.accounts import audit
from membership.accounts.forms import clean_address
from membership.billing.gifts import pool as gifts
from membership.billing.gifts.models import Gift
from membership.db import transaction
from membership.reports import words
from membership.staff.room import FINANCE, back_to, blueprint, me
from membership.web import access
from membership.web.languages import language_choices

SHOWN = 50


class GrantForm(FlaskForm):  # type: ignore[misc]
    """Months for one reader who cannot pay."""

    email = StringField(
        _l("The reader’s address"), [InputRequired(_l("Say whom the months are for."))]
    )
    name = StringField(
        _l("The reader’s name"),
        [Optional(), Length(max=100, message=_l("Please keep the name under 100 letters."))],
    )
    language = SelectField(_l("Language of the letter"))
    months = IntegerField(
        _l("Months"),
        [
            InputRequired(_l("Give a number.")),
            NumberRange(1, gifts.MOST_MONTHS, _l("From 1 to 12.")),
        ],
        default=1,
    )
    currency = SelectField(_l("From the pool in"))
    reason = TextAreaField(
        _l("Reason"),
        [
            DataRequired(_l("The books need a reason.")),
            Length(max=500, message=_l("Please keep it under 500 characters.")),
        ],
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.language.choices = language_choices()
        self.currency.choices = [(code, code) for code in settings().currencies]

    def validate_email(self, field: Any) -> None:
        clean_address(self, field)

    def grant(self) -> gifts.Grant:
        return gifts.Grant(
            email=self.email.data,
            name=self.name.data or None,
            language=self.language.data,
            months=self.months.data,
            currency=self.currency.data,
            reason=self.reason.data,
        )


@blueprint.route("/pool", methods=["GET", "POST"])
@access.staff(*FINANCE)
def pool() -> str | Response | tuple[str, int]:
    form = GrantForm()
    refused = ""
    if form.validate_on_submit():
        try:
            with transaction() as session:
                gifts.grant(session, form.grant(), me().id)
        except gifts.PoolTooSmallError:
            refused = _("The pool has less than that. Grant fewer months, or from another pool.")
        except gifts.AlreadyGrantedError:
            refused = _("This reader has a grant already that waits to be taken, or runs.")
        else:
            flash(_("Granted. The letter is on its way."), "good")
            return back_to("staff.pool")
    with transaction() as session:
        page = _page(session, form, refused)
    status = 409 if refused else 422
    return (page, status) if form.is_submitted() else page


def _page(session: Session, form: GrantForm, refused: str) -> str:
    grants = session.scalars(
        select(Gift).where(Gift.source == "pool").order_by(Gift.id.desc()).limit(SHOWN)
    ).all()
    audit.record(
        session, "pool.listed", "pool", actor_id=me().id, gifts=[each.id for each in grants]
    )
    return render_template(
        "staff/pool.html",
        balances=gifts.balances(session),
        grants=grants,
        form=form,
        refused=refused,
        words=words,
    )
