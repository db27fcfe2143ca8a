"""The forms of a campaign: its words in each language and its audience; when it begins; why not."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    HiddenField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from config.settings import settings
from membership import clock
from membership.billing.forms import one_line, tidy
from membership.campaigns import campaigns, writing
from membership.campaigns.audience import Audience
from membership.campaigns.models import Campaign
from membership.money import InvalidAmountError, Money, decimals, parse
from membership.patrons import saved
from membership.patrons.filters import Filters
from membership.reports import words
from membership.staff.room import me
from membership.staff.topics.round_forms import TYPED_TIME, in_newsroom_time
from membership.voting.models import Round
from membership.web.languages import language_choices

TITLE_LETTERS = 100
SUBJECT_LETTERS = 120
BODY_LETTERS = 20_000
SHOWN_ROUNDS = 50
LONGEST_AHEAD = timedelta(days=366)
EARLIEST_YEAR = 2000
LARGEST_AMOUNT = 10**12
ROUND = "round:"
OWN_VIEW = "own"
_NO_SUBJECT = _l("It needs a subject.")
_NO_TEXT = _l("It needs a text.")


def _ticks(label: Any) -> SelectMultipleField:
    return SelectMultipleField(label, option_widget=CheckboxInput(), widget=ListWidget())


def _within_reason(_form: Any, field: Any) -> None:
    if field.data and not EARLIEST_YEAR <= field.data.year <= clock.now().year + 1:
        raise ValidationError(_("Is the year right?"))


def _day(label: Any) -> DateField:
    unread = _l("There is no such day. Write year, month and day, such as 2026-03-31.")
    return DateField(label, [Optional(), _within_reason], invalid_value_message=unread)


def _lines(text: str | None) -> str:
    return tidy(text).replace("\r\n", "\n")


class AudienceForm(FlaskForm):  # type: ignore[misc]
    """Whom a campaign is for; what is left open holds for everyone."""

    standings = _ticks(_l("Standing"))
    languages = _ticks(_l("Language"))
    interval = SelectField(_l("Gives"), default="")
    tier = SelectField(_l("Gives the price of"), default="")
    currency = SelectField(_l("Gives in"), default="")
    least = StringField(_l("At least"), filters=[tidy])
    most = StringField(_l("At most"), filters=[tidy])
    since = _day(_l("Patron since, from"))
    until = _day(_l("Patron since, until"))
    votes = SelectField(_l("Voting"), default="")
    view = SelectField(_l("View of the patrons"), default="")

    # By what the form calls them; what a campaign has stays as it was when it was chosen.
    views: Mapping[str, tuple[str, Filters]]

    def offer(self, session: Session, known: Audience) -> None:
        """Fill in what can be chosen, besides what there is."""
        own = {OWN_VIEW: (known.view_name, known.view)} if known.view else {}
        self.views = own | {
            str(view.id): (view.name, Filters.model_validate(view.filters))
            for view in saved.seen_by(session, me())
        }
        anything = SelectChoice("", _("any"))
        self.standings.choices = list(words.STANDING.items())
        self.languages.choices = language_choices()
        intervals = [(each, words.INTERVAL[each]) for each in ("month", "year")]
        self.interval.choices = [anything, *intervals]
        self.tier.choices = [anything, *words.TIER.items()]
        self.currency.choices = [anything, *((code, code) for code in settings().currencies)]
        self.votes.choices = [anything, *words.VOTES.items(), *_settled(session)]
        self.view.choices = [
            anything,
            *((key, name) for key, (name, _filters) in self.views.items()),
        ]

    def validate_least(self, field: Any) -> None:
        self._amount(field)

    def validate_most(self, field: Any) -> None:
        most, least = self._amount(field), self._read(self.least.data)
        if most and least and most.minor < least.minor:
            raise ValidationError(_("This is less than “at least”."))

    def validate_until(self, field: Any) -> None:
        if field.data and self.since.data and field.data < self.since.data:
            raise ValidationError(_("This day lies before “from”."))

    def audience(self) -> Audience:
        """What a valid form says."""
        least, most = self._read(self.least.data), self._read(self.most.data)
        votes = self.votes.data
        is_round = votes.startswith(ROUND)
        view_name, view = self.views.get(self.view.data, ("", None))
        return Audience.model_validate(
            {
                "standings": tuple(self.standings.data or ()),
                "languages": tuple(self.languages.data or ()),
                "interval": self.interval.data or None,
                "tier": self.tier.data or None,
                "currency": self.currency.data or None,
                "least_minor": least and least.minor,
                "most_minor": most and most.minor,
                "since": self.since.data,
                "until": self.until.data,
                "votes": None if is_round else votes or None,
                "voted_in": int(votes.removeprefix(ROUND)) if is_round else None,
                "view": view,
                "view_name": view_name,
            }
        )

    def _amount(self, field: Any) -> Money | None:
        if not field.data:
            return None
        if not self.currency.data:
            raise ValidationError(_("Choose the currency of this amount."))
        found = self._read(field.data)
        if found is None or found.minor > LARGEST_AMOUNT:
            raise ValidationError(_("Please write the amount as a number, such as 5."))
        return found

    def _read(self, text: str | None) -> Money | None:
        try:
            return parse(text, self.currency.data) if text and self.currency.data else None
        except InvalidAmountError:
            return None


class CampaignForm(AudienceForm):
    """The whole of a campaign; beside these, a subject and a text in each language, of which the
    first is needed.

    `seen` stands for what was there when the form was opened.
    """

    title = StringField(
        _l("Name, for us alone"),
        [
            DataRequired(_l("Give it a name that you will know it by.")),
            Length(max=TITLE_LETTERS, message=_l("Please keep the title under 100 letters.")),
        ],
        filters=[one_line],
    )
    seen = HiddenField()

    def begin(self, campaign: Campaign) -> None:
        """Fill the form in with what a campaign is now."""
        known = Audience.model_validate(campaign.audience)
        spoken = {f"subject_{code}": text for code, text in campaign.subjects.items()}
        spoken |= {f"body_{code}": text for code, text in campaign.bodies.items()}
        self.process(
            data=known.model_dump()
            | spoken
            | {
                "title": campaign.title,
                "seen": campaigns.fingerprint(campaign),
                "least": _major(known.least_minor, known.currency),
                "most": _major(known.most_minor, known.currency),
                "votes": f"{ROUND}{known.voted_in}" if known.voted_in else known.votes,
                "view": OWN_VIEW if known.view else "",
            }
        )

    def parts(self) -> list[tuple[str, str, Any, Any]]:
        """Of each language: code, name, and the fields of subject and text."""
        return [
            (code, name, self[f"subject_{code}"], self[f"body_{code}"])
            for code, name in language_choices()
        ]

    def validate(self, extra_validators: Any = None) -> bool:
        """Besides the fields: a language is written whole or not at all."""
        valid: bool = super().validate(extra_validators)
        for _code, _name, subject, body in self.parts():
            for part, other, missing in (
                (subject, body, _NO_SUBJECT),
                (body, subject, _NO_TEXT),
            ):
                if other.data and not part.data and not part.errors:
                    part.errors = [missing]
                    valid = False
        return valid

    def draft(self) -> campaigns.Draft:
        """What a valid form says."""
        written = [part for part in self.parts() if part[3].data]
        return campaigns.Draft(
            title=self.title.data,
            subjects={code: subject.data for code, _name, subject, _body in written},
            bodies={code: body.data for code, _name, _subject, body in written},
            audience=self.audience(),
        )


def campaign_form(session: Session, known: Campaign | None = None) -> CampaignForm:
    """The form with the fields and choices of this site, for a new campaign or a known one."""
    fields: dict[str, Any] = {}
    for place, (code, name) in enumerate(language_choices()):
        needed = DataRequired if place == 0 else lambda _missing: Optional()
        fields[f"subject_{code}"] = StringField(
            _("Subject, %(language)s", language=name),
            [
                needed(_NO_SUBJECT),
                Length(max=SUBJECT_LETTERS, message=_("Please keep it under 120 letters.")),
            ],
            filters=[one_line],
        )
        fields[f"body_{code}"] = TextAreaField(
            _("Text, %(language)s", language=name),
            [
                needed(_NO_TEXT),
                Length(max=BODY_LETTERS, message=_("Please keep it under 20,000 letters.")),
                _without_pictures,
            ],
            filters=[_lines],
        )
    form: CampaignForm = type("CampaignFormOfSite", (CampaignForm,), fields)()
    form.offer(session, Audience.model_validate(known.audience) if known else Audience())
    return form


class ScheduleForm(FlaskForm):  # type: ignore[misc]
    """When it begins, in the newsroom's time zone."""

    now = BooleanField(_l("Start at once"))
    starts_at = DateTimeLocalField(
        _l("Starts"),
        [Optional()],
        format=TYPED_TIME,
        invalid_value_message=_l("There is no such time. Write it as 2026-03-31T09:00."),
    )
    seen = HiddenField()

    at: datetime | None = None

    def validate(self, extra_validators: Any = None) -> bool:
        """Besides the fields: a time that may be, or now. Sets `at`."""
        valid: bool = super().validate(extra_validators)
        now = clock.now()
        typed = None if self.now.data else self.starts_at.data
        self.at = in_newsroom_time(typed) if typed else now
        wrong = ""
        if self.at < now - timedelta(minutes=1):
            wrong = _("This time is over: choose a later one, or start now.")
        elif self.at > now + LONGEST_AHEAD:
            wrong = _("This is more than a year ahead: is the year right?")
        elif not (typed or self.now.data or self.starts_at.errors):
            wrong = _("Say when, or let it start now.")
        if wrong:
            self.starts_at.errors = [wrong]
        return valid and not wrong


class SeenForm(FlaskForm):  # type: ignore[misc]
    """Nothing but what was read before."""

    seen = HiddenField()


def _without_pictures(_form: Any, field: Any) -> None:
    if writing.has_pictures(field.data or ""):
        raise ValidationError(
            _("Letters have no pictures, so that nobody sees who opens them. Link to it instead.")
        )


def _settled(session: Session) -> list[SelectChoice]:
    """The settled rounds, the last first: of an open one nobody may know who has voted (V8)."""
    rounds = session.scalars(
        select(Round)
        .where(Round.state == "settled")
        .order_by(Round.closes_at.desc())
        .limit(SHOWN_ROUNDS)
    )
    return [
        SelectChoice(
            f"{ROUND}{each.id}",
            _(
                "voted in: %(title)s (%(day)s)",
                title=each.title,
                day=format_date(each.closes_at, "short"),
            ),
        )
        for each in rounds
    ]


def _major(minor: int | None, currency: str | None) -> str:
    """An amount as it is typed."""
    if minor is None or currency is None:
        return ""
    return f"{Money(minor, currency).major:.{decimals(currency)}f}"
