"""The forms of the back office."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import (
    UUID,
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    ValidationError,
)
from wtforms.widgets import CheckboxInput, ListWidget

from config.settings import settings
from membership.billing.forms import tidy
from membership.money import InvalidAmountError, Money, parse

MOST_CHOICES = 20
ROUND_WORDS = 200
REASON_WORDS = 500
NOTE_WORDS = 2000


class ReasonForm(FlaskForm):  # type: ignore[misc]
    """A reason that readers will see."""

    reason = TextAreaField(
        _("Public reason"),
        [
            DataRequired(_("Readers are owed a reason.")),
            Length(max=REASON_WORDS, message=_("Please keep it under 500 characters.")),
        ],
    )


class InnerReasonForm(FlaskForm):  # type: ignore[misc]
    """A reason that staff alone will see."""

    reason = TextAreaField(
        _("Reason"),
        [
            DataRequired(_("Please say why, for those who look at it later.")),
            Length(max=REASON_WORDS, message=_("Please keep it under 500 characters.")),
        ],
        filters=[tidy],
    )


class EndForm(InnerReasonForm):
    """When a patron's support ends."""

    when = RadioField(
        _("When"),
        [InputRequired(_("Please choose when it ends."))],
        choices=[
            SelectChoice("period_end", _("With the paid period: they stay a patron until then")),
            SelectChoice("now", _("Now: they are no patron any more")),
        ],
        default="period_end",
    )


class RefundForm(InnerReasonForm):
    """How much of a donation goes back; sent twice, it is one refund, called `refund`."""

    amount = StringField(_("Amount"), [DataRequired(_("Please write an amount."))])
    refund = HiddenField(validators=[UUID(_("Please open this page anew."))])

    money: Money | None = None

    def __init__(self, currency: str) -> None:
        super().__init__()
        self.currency = currency

    def validate_amount(self, field: Any) -> None:
        """Sets `money`."""
        try:
            self.money = parse(field.data, self.currency)
        except InvalidAmountError as error:
            raise ValidationError(_("Please write the amount as a number, such as 5.")) from error


class ReceiptForm(InnerReasonForm):
    """Sent twice, it is one mail, called `again`."""

    again = HiddenField(validators=[UUID(_("Please open this page anew."))])


class NoteForm(FlaskForm):  # type: ignore[misc]
    """For staff alone."""

    text = TextAreaField(
        _("Note"),
        [
            DataRequired(_("The note is empty.")),
            Length(max=NOTE_WORDS, message=_("Please keep it under 2,000 characters.")),
        ],
        filters=[tidy],
    )


class AssignForm(FlaskForm):  # type: ignore[misc]
    """Who writes the story; overruling a result needs a reason besides."""

    reporter = SelectField(_("Who writes it"), coerce=int)
    reason = TextAreaField(
        _("Public reason"),
        [Optional(), Length(max=REASON_WORDS, message=_("Please keep it under 500 characters."))],
    )


class MergeForm(FlaskForm):  # type: ignore[misc]
    original = StringField(
        _("Merge into"), [DataRequired(_("Say which topic this one is merged into."))]
    )


class RoundForm(FlaskForm):  # type: ignore[misc]
    """A vote to come; its times are those of the newsroom's time zone."""

    title = StringField(
        _("Title"),
        [
            DataRequired(_("A round needs a title.")),
            Length(max=ROUND_WORDS, message=_("Please keep the title under 200 characters.")),
        ],
    )
    topics = SelectMultipleField(
        _("Topics on the ballot"),
        [DataRequired(_("Choose at least two topics."))],
        coerce=int,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    opens_now = BooleanField(_("Open it now"), default=True)
    opens_at = DateTimeLocalField(
        _("Opens"), [Optional()], format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
    )
    closes_at = DateTimeLocalField(
        _("Closes"),
        [InputRequired(_("Say when the round closes."))],
        format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    max_choices = IntegerField(
        _("Choices a patron has"),
        [InputRequired(_("Give a number.")), NumberRange(1, MOST_CHOICES, _("From 1 to 20."))],
        default=3,
    )
    seats = IntegerField(
        _("Topics that win"),
        [InputRequired(_("Give a number.")), NumberRange(1, MOST_CHOICES, _("From 1 to 20."))],
        default=1,
    )
    quorum = IntegerField(
        _("Ballots needed for a result"),
        [InputRequired(_("Give a number.")), NumberRange(1, 2**31 - 1, _("At least 1."))],
        default=1,
    )

    def validate(self, extra_validators: Any = None) -> bool:
        """Besides the fields: a round that does not open now needs its time."""
        valid: bool = super().validate(extra_validators)
        if not self.opens_now.data and self.opens_at.data is None:
            self.opens_at.errors = [
                *self.opens_at.errors,
                str(_("Say when the round opens, or let it open now.")),
            ]
            return False
        return valid


def in_newsroom_time(typed: datetime) -> datetime:
    """What was typed into a field without a zone, meant in the newsroom's."""
    return typed.replace(tzinfo=ZoneInfo(settings().time_zone))
