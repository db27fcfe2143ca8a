"""A campaign in words: whom it is for, and why a step cannot be taken."""

from collections.abc import Iterator
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from membership.campaigns.audience import Audience
from membership.money import Money
from membership.reports import words
from membership.staff.people import patron_filters
from membership.voting.models import Round
from membership.web.languages import language_choices
from membership.web.pages import show_date, show_money

# Why a campaign in this state cannot take the step that was asked for.
WHY_NOT: words.Words = {
    "draft": _l("This campaign is a draft: it has to be scheduled first."),
    "awaiting_approval": _l("This campaign waits for a second person’s approval."),
    "scheduled": _l("This campaign is scheduled and has not begun yet."),
    "sending": _l("This campaign is being sent: its words and its audience stand."),
    "paused": _l("This campaign is paused: it can go on, or be stopped for good."),
    "stopped": _l("This campaign was stopped for good. Write a new one for what is left to say."),
    "finished": _l("This campaign has been sent."),
}


def described(session: Session, audience: Audience) -> list[tuple[str, str]]:
    """Its conditions as pairs of name and value; none for all patrons."""
    return [*_conditions(session, audience), *_view(session, audience)]


def _conditions(session: Session, audience: Audience) -> Iterator[tuple[str, str]]:
    if audience.standings:
        yield _("Standing"), _any_of(words.STANDING[each] for each in audience.standings)
    if audience.languages:
        names = dict(language_choices())
        yield _("Language"), _any_of(names.get(each, each) for each in audience.languages)
    if audience.interval:
        yield _("Gives"), str(words.INTERVAL[audience.interval])
    if audience.tier:
        yield _("Gives the price of"), str(words.TIER[audience.tier])
    if audience.currency:
        yield _("Gives a month"), _range(audience, audience.currency)
    if audience.since:
        yield _("Patron since, from"), show_date(audience.since)
    if audience.until:
        yield _("Patron since, until"), show_date(audience.until)
    if audience.votes:
        yield _("Voting"), str(words.VOTES[audience.votes])
    if audience.voted_in:
        yield _("Voted in"), session.get_one(Round, audience.voted_in).title


def _view(session: Session, audience: Audience) -> Iterator[tuple[str, str]]:
    if audience.view:
        pairs = patron_filters.described(session, audience.view)
        holds = "; ".join(f"{name}: {value}" for name, value in pairs) or _("all patrons")
        yield _("In the view “%(name)s”", name=audience.view_name), holds


def _any_of(names: Any) -> str:
    return "; ".join(str(each) for each in names)


def _range(audience: Audience, currency: str) -> str:
    least, most = (
        None if minor is None else show_money(Money(minor, currency))
        for minor in (audience.least_minor, audience.most_minor)
    )
    if least and most:
        return str(_("%(least)s to %(most)s", least=least, most=most))
    if least:
        return str(_("%(least)s or more", least=least))
    return str(_("%(most)s or less", most=most)) if most else currency
