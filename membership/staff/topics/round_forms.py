"""The forms of a round and of a recurring round; their times are those of the newsroom's zone."""

from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    IntegerField,
    RadioField,
    SearchField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from membership import clock
from membership.db import LARGEST_ID
from membership.reports import words
from membership.staff.forms import REASON_WORDS, AssignForm
from membership.voting.models import Round, RoundSeries
from membership.voting.series import FEWEST_TOPICS, LATEST_DAY, LONGEST_DAYS, RULES

MOST_CHOICES = 20
LARGEST_QUORUM = 2**31 - 1
ROUND_WORDS = 200
SEARCH_WORDS = 100
TYPED_TIME = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


def _number(label: Any, most: int, default: int | None, least: int = 1) -> IntegerField:
    within = NumberRange(least, most, _("From %(least)s to %(most)s.", least=least, most=most))
    return IntegerField(label, [InputRequired(_("Give a number.")), within], default=default)


def _title(label: Any) -> StringField:
    too_long = _("Please keep the title under 200 characters.")
    return StringField(
        label,
        [DataRequired(_("A round needs a title.")), Length(max=ROUND_WORDS, message=too_long)],
    )


def _one_of(label: Any, missing: Any) -> SelectField:
    """Rows by id; the one without a value is 0 and no choice."""
    return SelectField(label, [DataRequired(missing)], coerce=lambda value: int(value or 0))


def _named(names: words.Words) -> list[SelectChoice]:
    return [SelectChoice(value, name) for value, name in names.items()]


class CountingForm(FlaskForm):  # type: ignore[misc]
    """How votes are cast and counted."""

    method = RadioField(_("Method"), choices=_named(words.VOTE), default="approval")
    max_choices = _number(_("Topics a patron can choose"), MOST_CHOICES, 3)
    seats = _number(_("Topics that win"), MOST_CHOICES, 1)
    quorum = _number(_("Ballots needed for a result"), LARGEST_QUORUM, 1)
    quorum_rule = RadioField(
        _("With fewer ballots"), choices=_named(words.QUORUM_RULE), default="void"
    )
    tie_rule = RadioField(
        _("Level topics are ordered by"), choices=_named(words.TIE_RULE), default="lot"
    )

    def counting(self) -> dict[str, Any]:
        return {name: self[name].data for name in RULES}


class RoundForm(CountingForm):
    """A vote to come. `search` looks through all suggestions; what is ticked in `topics` stays."""

    title = _title(_("Title"))
    topics = SelectMultipleField(
        _("Topics on the ballot"),
        [DataRequired(_("Choose at least two topics."))],
        coerce=int,
        validate_choice=False,
    )
    search = SearchField(
        _("Search all suggestions"), [Optional(), Length(max=SEARCH_WORDS)], default=""
    )
    opens_now = BooleanField(_("Open it now"))
    opens_at = DateTimeLocalField(_("Opens"), [Optional()], format=TYPED_TIME)
    closes_at = DateTimeLocalField(
        _("Closes"), [InputRequired(_("Say when the round closes."))], format=TYPED_TIME
    )

    def begin(self, draft: Round, topic_ids: list[int]) -> None:
        """Fill the form in with what a draft is now."""
        self.process(
            data={name: getattr(draft, name) for name in ("title", *RULES)}
            | {
                "topics": topic_ids,
                "opens_at": _newsroom_time(draft.opens_at),
                "closes_at": _newsroom_time(draft.closes_at),
            }
        )

    def validate(self, extra_validators: Any = None) -> bool:
        """Besides the fields: a round that does not open now needs its time."""
        valid: bool = super().validate(extra_validators)
        if not self.opens_now.data and self.opens_at.data is None and not self.opens_at.errors:
            self.opens_at.errors = [_("Say when the round opens, or let it open now.")]
            return False
        return valid

    def chosen(self) -> list[int]:
        """Ids of the topics ticked so far, in order and each once."""
        ticked = self.topics.data or []
        return list(dict.fromkeys(id_ for id_ in ticked if 0 < id_ <= LARGEST_ID))

    def rules(self, now: datetime) -> dict[str, Any]:
        """What a valid form says, as drafts.create() takes it; `now` is when "now" is."""
        return self.counting() | {
            "title": self.title.data,
            "opens_at": now if self.opens_now.data else in_newsroom_time(self.opens_at.data),
            "closes_at": in_newsroom_time(self.closes_at.data),
        }


class SeriesForm(CountingForm):
    """A round of every month."""

    title = _title(_("Title"))
    topics = _number(_("Topics on each ballot"), MOST_CHOICES, 5, least=FEWEST_TOPICS)
    day = _number(_("Opens on day"), LATEST_DAY, 1)
    opens_at = TimeField(_("At"), [InputRequired(_("Say at what time it opens."))])
    days = _number(_("Open for days"), LONGEST_DAYS, 7)

    def begin(self, series: RoundSeries) -> None:
        """Fill the form in with what a series is now."""
        self.process(obj=series)

    def values(self) -> dict[str, Any]:
        """What a valid form says, as columns of RoundSeries."""
        names = ("title", "topics", "day", "opens_at", "days")
        return self.counting() | {name: self[name].data for name in names}


class OverruleForm(AssignForm):
    """A topic that was not chosen and is taken up all the same (rule V12)."""

    # Nothing is chosen beforehand: whoever overrules says which, and to whom.
    topic = _one_of(_("Topic"), _("Choose a topic."))
    reporter = _one_of(_("Who writes it"), _("Choose who writes it."))
    reason = TextAreaField(
        _("Public reason"),
        [
            DataRequired(_("Readers are owed a reason.")),
            Length(max=REASON_WORDS, message=_("Please keep it under 500 characters.")),
        ],
    )


def in_newsroom_time(typed: datetime) -> datetime:
    """What was typed into a field without a zone, meant in the newsroom's."""
    return typed.replace(tzinfo=clock.newsroom_zone())


def _newsroom_time(at: datetime) -> datetime:
    return at.astimezone(clock.newsroom_zone())
