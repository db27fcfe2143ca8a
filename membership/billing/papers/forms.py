"""What a giver decides about a paper: its days, and how they stand on it."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from membership.billing.forms import one_line
from membership.billing.papers.issuing import Giver

LONGEST_NAME = 200
LONGEST_ADDRESS = 500


def _lines(text: str | None) -> str:
    lines = (one_line(line) for line in (text or "").splitlines())
    return "\n".join(line for line in lines if line)


class GiverForm(FlaskForm):  # type: ignore[misc]
    name = StringField(
        _l("Name on it"),
        [Length(max=LONGEST_NAME, message=_l("This is longer than 200 letters."))],
        filters=[one_line],
    )
    address = TextAreaField(
        _l("Address on it"),
        [Length(max=LONGEST_ADDRESS, message=_l("This is longer than 500 letters."))],
        filters=[_lines],
    )

    @property
    def giver(self) -> Giver:
        return Giver(self.name.data, self.address.data)


class StatementForm(GiverForm):
    from_on = DateField(_l("First day"), [InputRequired(_l("Say the first day."))])
    to_on = DateField(_l("Last day"), [InputRequired(_l("Say the last day."))])

    def refuse(self, sentence: Any) -> None:
        """Say beside the days why there is no statement of them."""
        self.to_on.errors = [*self.to_on.errors, sentence]
