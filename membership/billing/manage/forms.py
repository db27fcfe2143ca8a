"""Forms of the pages on which a patron changes, pauses and leaves."""

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, NumberRange, Optional, ValidationError

from membership.billing.forms import AmountForm, tidy
from membership.billing.manage.plan import LONGEST_PAUSE

LONGEST_COMMENT = 1000
# What a leaving is kept as. The words are the page's.
REASONS = (
    ("cost", _("It is too much for me right now")),
    ("unread", _("I read you less than I used to")),
    ("reporting", _("I am not happy with the reporting")),
    ("elsewhere", _("I support others now")),
    ("trouble", _("Something did not work: the payment, the site, the mails")),
    ("other", _("Something else")),
)


class ChangeForm(AmountForm):
    """Another amount or interval; the currency stays what it is, whatever is sent.

    `seen` says which agreement was shown.
    """

    seen = HiddenField()

    @property
    def currencies(self) -> Sequence[str]:
        return (str(self.currency.data),)

    def validate_interval(self, field: Any) -> None:
        """Once is no rhythm."""
        if field.data not in ("month", "year"):
            field.data = "month"
            raise ValidationError(_("Please choose monthly or yearly."))


class PauseForm(FlaskForm):  # type: ignore[misc]
    months = IntegerField(
        validators=[
            NumberRange(1, LONGEST_PAUSE, message=_("Please choose one, two or three months."))
        ]
    )
    seen = HiddenField()


class LeavingForm(FlaskForm):  # type: ignore[misc]
    """Why somebody left; both may be left out."""

    reason = RadioField(
        _("What was it?"),
        choices=[SelectChoice(*each) for each in REASONS],
        validators=[Optional()],
    )
    comment = TextAreaField(
        _("In your words"),
        filters=[tidy],
        validators=[
            Optional(),
            Length(max=LONGEST_COMMENT, message=_("Please keep it under 1,000 letters.")),
        ],
    )
