"""The forms of a year for somebody else, and of the pool; they build on the support form."""

from datetime import date, timedelta
from typing import Any

from flask_babel import gettext as _
from wtforms import StringField
from wtforms.validators import ValidationError

from config.settings import settings
from membership import clock
from membership.accounts.forms import clean_address
from membership.billing.forms import LONGEST_NAME, GiftForm, tidy
from membership.billing.gifts import pool
from membership.billing.gifts.lifecycle import MONTHS_OF_YEAR
from membership.billing.gifts.orders import Order
from membership.money import Money
from membership.web.languages import current_language

LONGEST_LETTER = 500
AT_MOST_AHEAD = timedelta(days=365)


class OnceForm(GiftForm):
    """A gift that is made once, whatever interval is sent."""

    def validate_interval(self, field: Any) -> None:
        field.data = "once"


class YearForm(OnceForm):
    """Besides the support form's fields: for whom, from whom, and when the letter leaves.

    `name` is the giver's as it stands in the letter; empty is anonymous. `order` is there once the
    form is valid.
    """

    recipient_email = StringField(filters=[tidy])
    recipient_name = StringField(filters=[tidy])
    letter = StringField(filters=[tidy])
    letter_language = StringField(filters=[tidy])
    send_on = StringField(filters=[tidy])

    day: date | None = None

    def least(self, currency: str) -> Money:
        """Twelve coffees: what a year is called after."""
        return pool.coffee(currency) * MONTHS_OF_YEAR

    def validate_recipient_email(self, field: Any) -> None:
        if not field.data:
            raise ValidationError(_("Please write the address that the letter goes to."))
        clean_address(self, field)

    def validate_recipient_name(self, field: Any) -> None:
        if len(field.data) > LONGEST_NAME:
            raise ValidationError(_("Please keep the name under 100 letters."))

    def validate_letter(self, field: Any) -> None:
        if len(field.data) > LONGEST_LETTER:
            raise ValidationError(_("Please keep your words under 500 letters."))

    def validate_letter_language(self, field: Any) -> None:
        if not field.data:
            field.data = current_language()
        if field.data not in settings().languages:
            raise ValidationError(_("We cannot write in this language. Please choose another."))

    def validate_send_on(self, field: Any) -> None:
        """Sets `day`; without one, today."""
        today = clock.newsroom_day()
        try:
            day = date.fromisoformat(field.data) if field.data else today
        except ValueError as error:
            raise ValidationError(_("Please write the day as year-month-day.")) from error
        if not today <= day <= today + AT_MOST_AHEAD:
            raise ValidationError(_("Please choose a day from today to a year from now."))
        self.day = day

    @property
    def order(self) -> Order:
        """What a valid form asks for."""
        assert self.day is not None
        return Order(
            recipient_email=self.recipient_email.data,
            recipient_name=self.recipient_name.data or None,
            sender_name=self.name.data or None,
            message=self.letter.data or None,
            language=self.letter_language.data,
            send_on=self.day,
        )
