"""The forms of the back office."""

from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    HiddenField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import (
    UUID,
    DataRequired,
    InputRequired,
    Length,
    Optional,
    ValidationError,
)

from membership import clock
from membership.billing.forms import tidy
from membership.billing.giving_back import Given
from membership.billing.manage.plan import LONGEST_PAUSE
from membership.money import (
    InvalidAmountError,
    Money,
    NotPositiveError,
    TooFineError,
    display,
    is_whole,
    parse,
)
from membership.web.languages import current_language

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


class PauseForm(InnerReasonForm):
    """How many charges are left out; `seen` is what the page was made from."""

    months = RadioField(
        _("For how long"),
        [InputRequired(_("Please choose one, two or three months."))],
        coerce=int,
        choices=[SelectChoice(months, "") for months in range(1, LONGEST_PAUSE + 1)],
    )
    seen = HiddenField()


class FindForm(FlaskForm):  # type: ignore[misc]
    """The address of a patron's other account."""

    class Meta:
        csrf = False

    address = StringField(_("Address of their other account"), filters=[tidy])


class MergeAccountsForm(InnerReasonForm):
    """Which of two accounts is kept; `other` is the id of the one that was found by its address."""

    other = HiddenField()

    keep = RadioField(
        _("Which account is kept"),
        [InputRequired(_("Please choose the account that is kept."))],
        coerce=int,
    )


class RefundForm(InnerReasonForm):
    """How much of a donation goes back; sent twice, it is one refund, called `refund`."""

    amount = StringField(_("Amount"), [DataRequired(_("Please write an amount."))])
    refund = HiddenField(validators=[UUID(_("Please open this page anew."))])

    money: Money | None = None

    def __init__(self, given: Given) -> None:
        super().__init__()
        # Sent twice, it is no second one: what it gave back itself was there to be given.
        own = (each for each in given.refunds if str(each.id) == self.refund.data)
        counted = sum(each.amount_minor for each in own if each.state != "failed")
        self.left = Money(given.left.minor + counted, given.left.currency)

    def validate_amount(self, field: Any) -> None:
        """Sets `money`."""
        try:
            self.money = parse(field.data, self.left.currency)
        except InvalidAmountError as error:
            raise ValidationError(_what_is_wrong(error, self.left.currency)) from error
        if self.money.minor > self.left.minor > 0:
            raise ValidationError(no_more_than(self.left))


def _what_is_wrong(error: InvalidAmountError, currency: str) -> str:
    """How to write an amount that could not be read."""
    match error:
        case NotPositiveError():
            said = _("Please write more than nothing, such as 5.")
        case TooFineError() if is_whole(currency):
            said = _(
                "Please write a whole amount, such as 5: %(currency)s goes back without decimals.",
                currency=currency,
            )
        case TooFineError():
            said = _(
                "Please write no more than two decimals, such as 5.25; and thousands without a"
                " point or comma."
            )
        case _other:
            said = _("Please write the amount as a number, such as 5.")
    return str(said)


def no_more_than(left: Money) -> str:
    if left.minor <= 0:
        return str(_("Nothing of this donation is left to give back."))
    return str(_("No more than %(left)s is left.", left=display(left, current_language())))


class AgainForm(InnerReasonForm):
    """Sent twice, it is one mail, called `again`."""

    again = HiddenField(validators=[UUID(_("Please open this page anew."))])


class NoteForm(FlaskForm):  # type: ignore[misc]
    """For staff alone."""

    kind = RadioField(
        _("What it is"),
        choices=[SelectChoice("note", _("A note")), SelectChoice("call", _("A phone call"))],
        default="note",
    )
    text = TextAreaField(
        _("Note"),
        [
            DataRequired(_("The note is empty.")),
            Length(max=NOTE_WORDS, message=_("Please keep it under 2,000 characters.")),
        ],
        filters=[tidy],
    )


class AssignForm(FlaskForm):  # type: ignore[misc]
    """Who writes the story, and until when; overruling a result needs a reason besides."""

    reporter = SelectField(_("Who writes it"), coerce=int)
    due_on = DateField(_("Due"), [Optional()])
    reason = TextAreaField(
        _("Public reason"),
        [Optional(), Length(max=REASON_WORDS, message=_("Please keep it under 500 characters."))],
    )

    def validate_due_on(self, field: Any) -> None:
        if field.data and field.data < clock.newsroom_day():
            raise ValidationError(_("Choose a day that is still to come."))


class MergeForm(FlaskForm):  # type: ignore[misc]
    original = StringField(
        _("Merge into"), [DataRequired(_("Say which topic this one is merged into."))]
    )
