"""Whom a campaign is for: conditions kept as data, and the one SQL condition that they make.

All given conditions must hold. Only patrons, current or past, are ever asked for; accounts that
are being deleted never, nor those that we know from an import alone. Of votes only settled rounds'
turnout rolls are looked at (rule V8).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator
from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, not_, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.elsewhere.support import is_unasked
from membership.billing.gifts.models import Gift
from membership.billing.models import Donation, Subscription
from membership.billing.revenue import MONTHS
from membership.billing.standing import (
    PATRON_STATES,
    STANDING,
    has_gift,
    has_standing,
    pays_elsewhere,
)
from membership.discretion import SMALLEST_GROUP
from membership.mail import refusals
from membership.patrons import filters
from membership.patrons.filters import Filters, Standing, Tier
from membership.voting.models import Round, Turnout


class Audience(BaseModel):
    """Conditions on a patron; what is left out holds for everyone. As JSON in `campaign.audience`.

    Amounts are minor units a month of `currency`; both days are days in the newsroom's time zone
    and are included. A tier reaches from its amount up to the next one's, in every currency.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    standings: tuple[Standing, ...] = ()
    languages: tuple[str, ...] = ()
    interval: Literal["month", "year"] | None = None
    tier: Tier | None = None
    currency: str | None = None
    least_minor: int | None = None
    most_minor: int | None = None
    since: date | None = None
    until: date | None = None
    votes: Literal["ever", "never"] | None = None
    voted_in: int | None = None
    # Those of a view of the list of patrons, as they were when it was chosen, and its name.
    view: Filters | None = None
    view_name: str = ""

    @model_validator(mode="after")
    def has_a_currency(self) -> Self:
        """Currencies are never compared (architecture, rule 3)."""
        if self.currency is None and (self.least_minor, self.most_minor) != (None, None):
            raise ValueError("an amount needs its currency")
        return self

    @property
    def tells_amounts(self) -> bool:
        """Whether its size may say how much somebody gives, as that of any view may."""
        return (self.tier, self.currency) != (None, None) or self.view is not None

    @property
    def tells_votes(self) -> bool:
        """Whether who is in it is known to have voted, or not to have."""
        by_view = self.view is not None and self.view.votes is not None
        return by_view or (self.votes, self.voted_in) != (None, None)

    def is_too_small(self, people: int) -> bool:
        """Whether a letter to so many would single somebody out by whether they voted."""
        return self.tells_votes and people < SMALLEST_GROUP

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_defaults=True)


@dataclass(frozen=True)
class Count:
    """How many a campaign would be written to now, and how many of them would get none of it."""

    people: int
    suppressed: int
    refused: int
    paused: int

    @property
    def without(self) -> int:
        return self.suppressed + self.refused + self.paused


def count(session: Session, wanted: Audience, kind: str) -> Count:
    """Counted in one statement; the three reasons are told as they are when a mail is sent."""
    why = refusals.obstacle(Account.email, literal(kind)).label("why")
    # Once for each of them, not once for each reason.
    each = select(why).where(condition(wanted)).cte("each").prefix_with("MATERIALIZED")
    row = session.execute(
        select(
            func.count(),
            func.count().filter(each.c.why.startswith("suppressed")),
            func.count().filter(each.c.why.startswith("refused")),
            func.count().filter(each.c.why.startswith("paused")),
        ).select_from(each)
    ).one()
    return Count(*row)


def readers(wanted: Audience, languages: list[str]) -> Select[str, str, int]:
    """Address, language and id of everyone meant. Who reads none of `languages` gets the first."""
    known = case((Account.language.in_(languages), Account.language), else_=languages[0])
    return select(Account.email, known, Account.id).where(condition(wanted)).order_by(Account.id)


def condition(wanted: Audience) -> ColumnElement[bool]:
    """SQL, beside an Account: it is meant."""
    asked = not_(is_unasked())
    return and_(Account.delete_after_at.is_(None), asked, _is_patron(), *_conditions(wanted))


def _conditions(wanted: Audience) -> Iterator[ColumnElement[bool]]:
    if wanted.standings:
        yield or_(*(_stands(standing) for standing in wanted.standings))
    if wanted.languages:
        yield Account.language.in_(wanted.languages)
    if (wanted.interval, wanted.tier, wanted.currency) != (None, None, None):
        yield Account.id.in_(_supporting(wanted))
    if wanted.since is not None:
        yield not_(_gave_before(clock.newsroom_midnight(wanted.since)))
    if wanted.until is not None:
        yield _gave_before(clock.newsroom_midnight(wanted.until + timedelta(days=1)))
    if wanted.votes is not None:
        voted = _is_on_a_roll()
        yield voted if wanted.votes == "ever" else not_(voted)
    if wanted.voted_in is not None:
        yield _is_on_a_roll(Round.id == wanted.voted_in)
    if wanted.view is not None:
        yield Account.id.in_(filters.ids(wanted.view))


def _is_patron() -> ColumnElement[bool]:
    """SQL: has given, was given to, or stands as who gives (a first payment may be on its way)."""
    # Not "in all who gave": in an OR that list is read from its beginning for each account.
    gave = exists().where(Donation.account_id == Account.id)
    return or_(gave, _took_a_gift(), has_standing(Account.id))


def _stands(standing: Standing) -> ColumnElement[bool]:
    """SQL: the account has this standing. Each patron has one and only one of the four."""
    has_current = or_(
        _subscribed(_states("current")), has_gift(Account.id), pays_elsewhere(Account.id)
    )
    has_any = has_standing(Account.id)
    had_any = or_(
        exists().where(Donation.account_id == Account.id, Donation.subscription_id.is_not(None)),
        _took_a_gift(),
    )
    return {
        "current": has_current,
        "grace": and_(not_(has_current), _subscribed(_states("grace"))),
        "lapsed": and_(not_(has_any), had_any),
        "once": and_(not_(has_any), not_(had_any)),
    }[standing]


def _states(standing: str) -> list[str]:
    return [state for state, meant in STANDING.items() if meant == standing]


def _subscribed(states: list[str]) -> ColumnElement[bool]:
    return exists().where(Subscription.account_id == Account.id, Subscription.state.in_(states))


def _took_a_gift() -> ColumnElement[bool]:
    return exists().where(Gift.account_id == Account.id)


def _supporting(wanted: Audience) -> Select[int]:
    """SQL: ids of accounts whose support is like this: what runs, or else what ran last."""
    lives = Subscription.state.in_(PATRON_STATES)
    latest = (
        select(
            Subscription.account_id,
            Subscription.interval,
            Subscription.currency,
            Subscription.amount_minor,
            case(MONTHS, value=Subscription.interval).label("months"),
        )
        .where(Subscription.state != "incomplete")
        .ext(distinct_on(Subscription.account_id))
        .order_by(
            Subscription.account_id,
            lives.desc(),
            Subscription.started_at.desc(),
            Subscription.id.desc(),
        )
        .subquery()
    )
    own = latest.c
    found = select(own.account_id)
    if wanted.interval is not None:
        found = found.where(own.interval == wanted.interval)
    if wanted.currency is not None:
        found = found.where(own.currency == wanted.currency)
    # A yearly amount is compared whole: nothing is rounded.
    if wanted.least_minor is not None:
        found = found.where(own.amount_minor >= wanted.least_minor * own.months)
    if wanted.most_minor is not None:
        found = found.where(own.amount_minor <= wanted.most_minor * own.months)
    if wanted.tier is not None:
        found = found.where(filters.in_tier(own, wanted.tier))
    return found


def _gave_before(at: datetime) -> ColumnElement[bool]:
    """SQL: the account was a patron before then: had paid, was subscribed, or had taken a gift."""
    return or_(
        exists().where(Donation.account_id == Account.id, Donation.paid_at < at),
        exists().where(
            Subscription.account_id == Account.id,
            Subscription.state != "incomplete",
            Subscription.started_at < at,
        ),
        exists().where(Gift.account_id == Account.id, Gift.redeemed_at < at),
    )


def _is_on_a_roll(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """SQL: the account is on the turnout roll of a settled round."""
    return exists().where(
        Turnout.account_id == Account.id,
        Round.id == Turnout.round_id,
        Round.state == "settled",
        *which,
    )
