"""The form that asks for the weekly letter."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField
from wtforms.validators import InputRequired

from membership.accounts.forms import clean_address


class NewsletterForm(FlaskForm):  # type: ignore[misc]
    """`article` is the slug of the story at whose end the form stood."""

    email = EmailField(
        _l("Your mail address"), [InputRequired(_l("Type your mail address.")), clean_address]
    )
    article = HiddenField()
