"""The form in which an experiment with the ask is written: its groups, their wordings."""

from functools import lru_cache
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, NumberRange, Optional

from config.settings import settings
from membership.articles.experiments import PRICE, Way, Wording, wording
from membership.articles.models import AskExperiment
from membership.billing.forms import tidy

# Wordings beside each other; more of them need more readers than most newsrooms have.
WORDINGS = 3
HEAVIEST = 99
PLACES = tuple(range(1, WORDINGS + 1))


def _weight(label: Any, default: int) -> IntegerField:
    within = NumberRange(0, HEAVIEST, _l("From 0 to 99."))
    return IntegerField(label, [Optional(), within], default=default)


class ExperimentForm(FlaskForm):  # type: ignore[misc]
    """Beside these fields, for each place: name_1, weight_1, and by language title_1_en, text_1_en.

    A weight of 0 leaves a group out.
    """

    name = StringField(
        _l("What is tried"),
        [
            DataRequired(_l("Give it a name.")),
            Length(max=100, message=_l("Please keep the name under 100 letters.")),
        ],
        filters=[tidy],
    )
    control = _weight(_l("Parts that see no ask"), 1)

    def validate(self, extra_validators: Any = None) -> bool:
        """At least two groups, one of which sees something."""
        is_right = bool(super().validate(extra_validators))
        for place in PLACES:
            for code in settings().languages:
                text = self[f"text_{place}_{code}"]
                if "{" in text.data.replace(PRICE, "") or "}" in text.data.replace(PRICE, ""):
                    text.errors = [*text.errors, _("Only {price} may stand in braces.")]
                    is_right = False
        ways = self.ways() if is_right else []
        if is_right and (len(ways) < 2 or all(way.is_control for way in ways)):
            self.form_errors.append(_("Two groups are needed, and one of them sees an ask."))
            return False
        return is_right

    def ways(self) -> list[Way]:
        """The groups that have a weight; the control group is the last."""
        found = [
            Way(
                self[f"name_{place}"].data or _("Wording %(number)d", number=place),
                self[f"weight_{place}"].data,
                self._wordings(place),
            )
            for place in PLACES
            if self[f"weight_{place}"].data
        ]
        if self.control.data:
            found.append(Way(_("Without an ask"), self.control.data, {}, is_control=True))
        return found

    def _wordings(self, place: int) -> dict[str, Wording]:
        said = {
            code: Wording(self[f"title_{place}_{code}"].data, self[f"text_{place}_{code}"].data)
            for code in settings().languages
        }
        return {code: each for code, each in said.items() if each != Wording()}

    def _is_used(self, place: int) -> bool:
        ending = f"_{place}"
        fields = [each for each in self if ending in each.name]
        return any(each.data or each.errors for each in fields)

    @property
    def places(self) -> list[dict[str, Any]]:
        """For the page: the fields of each place, and whether anything stands in them."""
        return [
            {
                "is_used": place == PLACES[0] or self._is_used(place),
                "name": self[f"name_{place}"],
                "weight": self[f"weight_{place}"],
                "wordings": [
                    (code, self[f"title_{place}_{code}"], self[f"text_{place}_{code}"])
                    for code in settings().languages
                ],
            }
            for place in PLACES
        ]


@lru_cache
def _form_in(languages: tuple[str, ...]) -> type[ExperimentForm]:
    """The form with its fields for these languages."""
    title_length = Length(max=100, message=_l("Please keep the title under 100 letters."))
    text_length = Length(max=400, message=_l("Please keep the text under 400 letters."))
    fields: dict[str, Any] = {}
    for place in PLACES:
        name_length = Length(max=40, message=_l("Please keep the name under 40 letters."))
        fields[f"name_{place}"] = StringField(
            _l("Name of this wording"), [name_length], filters=[tidy]
        )
        fields[f"weight_{place}"] = _weight(_l("Parts that see it"), 1 if place == 1 else 0)
        for code in languages:
            fields[f"title_{place}_{code}"] = StringField(
                _l("Title"), [title_length], filters=[tidy]
            )
            fields[f"text_{place}_{code}"] = TextAreaField(
                _l("Text"), [text_length], filters=[tidy]
            )
    return type("ExperimentFormIn", (ExperimentForm,), fields)


def experiment_form(experiment: AskExperiment | None = None) -> ExperimentForm:
    """Filled in with what a draft says."""
    form = _form_in(settings().languages)
    return form(data=_said(experiment) if experiment else None)


def _said(experiment: AskExperiment) -> dict[str, Any]:
    data: dict[str, Any] = {"name": experiment.name, "control": 0, "weight_1": 0}
    wordings = [each for each in experiment.variants if not each.is_control]
    for place, variant in enumerate(wordings, 1):
        data |= {f"name_{place}": variant.name, f"weight_{place}": variant.weight}
        for code in settings().languages:
            said = wording(variant, code)
            data |= {f"title_{place}_{code}": said.title, f"text_{place}_{code}": said.text}
    control = [each.weight for each in experiment.variants if each.is_control]
    return data | {"control": control[0] if control else 0}
