"""The form that asks for the weekly letter."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, ValidationError
from wtforms.validators import InputRequired

from membership.mail import addresses


class NewsletterForm(FlaskForm):  # type: ignore[misc]
    """`article` is the slug of the story at whose end the form stood."""

    email = EmailField(_l("Your mail address"), [InputRequired(_l("Type your mail address."))])
    article = HiddenField()

    def validate_email(self, field: Any) -> None:
        try:
            field.data = addresses.clean(field.data)
        except addresses.InvalidAddressError as error:
            raise ValidationError(
                _l("This is no complete mail address. It looks like name@example.org.")
            ) from error
