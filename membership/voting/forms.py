"""The forms of voting that are typed into; a ballot is a list of boxes or numbers."""

import re
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, ValidationError

from membership.voting import links

LONGEST_TITLE = 120
LONGEST_WHY = 1000
# What no keyboard types: control characters, and those that turn the direction of the text around
# them.
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def one_line(text: str | None) -> str:
    return " ".join(_UNSEEN.sub("", text or "").split())


def _paragraphs(text: str | None) -> str:
    return _UNSEEN.sub("", text or "").strip()


class TopicWords(FlaskForm):  # type: ignore[misc]
    """What a topic says, in the words of whoever suggests or edits it."""

    title = StringField(
        _l("What should we look into?"),
        filters=[one_line],
        validators=[
            InputRequired(_l("Say in a few words what it is about.")),
            Length(10, LONGEST_TITLE, _l("Use between 10 and 120 characters.")),
        ],
    )
    why = TextAreaField(
        _l("Why does it matter?"),
        filters=[_paragraphs],
        validators=[
            InputRequired(_l("Tell us why: it helps us and other readers decide.")),
            Length(10, LONGEST_WHY, _l("Use between 10 and 1,000 characters.")),
        ],
    )
    links = TextAreaField(_l("Where can we read more?"))

    def validate_links(self, field: Any) -> None:
        """Sets `addresses`."""
        try:
            self.addresses = links.parse(field.data or "")
        except links.TooManyLinksError as error:
            raise ValidationError(
                _("Give up to %(most)s links, one a line.", most=links.MOST)
            ) from error
        except links.InvalidLinkError as error:
            # Not lazily: what is lazy is taken for markup, and this was typed.
            raise ValidationError(
                _(
                    "“%(link)s” is no address of a page. It begins with https:// or http://.",
                    link=error.args[0][:60],
                )
            ) from error


class SuggestionForm(TopicWords):
    follow = BooleanField(_l("Tell me by mail what becomes of it"))
