"""The one form of voting that is typed into; a ballot is a list of boxes."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

LONGEST_TITLE = 120
LONGEST_WHY = 1000


def _without_edges(text: str | None) -> str | None:
    return " ".join(text.split()) if text else text


class SuggestionForm(FlaskForm):  # type: ignore[misc]
    title = StringField(
        _l("What should we look into?"),
        filters=[_without_edges],
        validators=[
            InputRequired(_l("Say in a few words what it is about.")),
            Length(10, LONGEST_TITLE, _l("Use between 10 and 120 characters.")),
        ],
    )
    why = TextAreaField(
        _l("Why does it matter?"),
        filters=[lambda text: text.strip() if text else text],
        validators=[
            InputRequired(_l("Tell us why: it helps us and other readers decide.")),
            Length(10, LONGEST_WHY, _l("Use between 10 and 1,000 characters.")),
        ],
    )
