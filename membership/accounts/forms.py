"""Forms of signing in and of the profile."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, SelectField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from membership.mail import addresses
from membership.web.languages import language_choices


def clean_address(_form: FlaskForm, field: Any) -> None:
    """A validator that leaves the field with the one address it is."""
    try:
        field.data = addresses.clean(field.data)
    except addresses.InvalidAddressError as error:
        raise ValidationError(
            _l("This is no complete mail address. It looks like name@example.org.")
        ) from error


class SignInForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(
        _l("Your mail address"),
        [InputRequired(_l("Type the address you gave with.")), clean_address],
    )
    next = HiddenField()


class AddressForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(
        _l("Your new mail address"),
        [InputRequired(_l("Type the address that you want us to write to.")), clean_address],
    )


class ProfileForm(FlaskForm):  # type: ignore[misc]
    name = StringField(
        _l("Your name"),
        [Length(max=80, message=_l("This is longer than 80 letters."))],
        filters=[lambda text: " ".join((text or "").split())],
    )
    language = SelectField(_l("The language of our mails to you"))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.language.choices = language_choices()
