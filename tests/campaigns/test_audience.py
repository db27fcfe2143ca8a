"""Whom a campaign is for: the one SQL condition against a plain recomputation, and the count."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.gifts.models import Gift
from membership.campaigns import audience
from membership.campaigns.audience import Audience
from membership.voting.models import Round, Turnout
from tests import factories

KYIV = ZoneInfo("Europe/Kyiv")
MONTHS = {"month": 1, "year": 12}
LIVE = {"active": "current", "cancel_scheduled": "current", "past_due": "grace", "paused": "grace"}
# From these amounts a month, in minor units, in two of the site's currencies.
TIERS = {"EUR": {"coffee": 400, "lunch": 1200, "dinner": 3200},
         "UAH": {"coffee": 9000, "lunch": 27000, "dinner": 72000}}  # fmt: skip
# Around midnight in the newsroom, which is not midnight in UTC.
TIMES = [
    datetime(2026, 1, 31, 21, 59, tzinfo=UTC),
    datetime(2026, 1, 31, 22, 0, tzinfo=UTC),
    datetime(2026, 2, 14, 12, 0, tzinfo=UTC),
    datetime(2026, 2, 28, 22, 30, tzinfo=UTC),
]
DAYS = [date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 28), date(2026, 3, 1)]
AMOUNTS = [400, 1199, 1200, 4800, 9000, 14400]


@dataclass(frozen=True)
class Support:
    """A subscription; paid for or not."""

    state: str
    interval: str
    currency: str
    amount: int
    started_at: datetime
    is_paid: bool


@dataclass(frozen=True)
class Person:
    language: str
    support: tuple[Support, ...]
    gave_once_at: datetime | None
    took_gift_at: datetime | None
    gift_lasts: bool
    voted: frozenset[int]
    is_leaving: bool


supports = st.builds(
    Support,
    state=st.sampled_from(["incomplete", *LIVE, "ended"]),
    interval=st.sampled_from(list(MONTHS)),
    currency=st.sampled_from(list(TIERS)),
    amount=st.sampled_from(AMOUNTS),
    started_at=st.sampled_from(TIMES),
    is_paid=st.booleans(),
)
people = st.builds(
    Person,
    language=st.sampled_from(["en", "uk", "de"]),
    # At most one that runs, as the tables have it.
    support=st.lists(supports, max_size=2).map(
        lambda them: tuple(
            each for place, each in enumerate(them) if place == 0 or each.state == "ended"
        )
    ),
    gave_once_at=st.none() | st.sampled_from(TIMES),
    took_gift_at=st.none() | st.sampled_from(TIMES),
    gift_lasts=st.booleans(),
    # Round 2 is still open: its roll must not be looked at, should there be one.
    voted=st.frozensets(st.sampled_from([0, 1, 2])),
    is_leaving=st.booleans(),
)
money = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {"currency": st.sampled_from(list(TIERS))},
        optional={"least_minor": st.sampled_from(AMOUNTS), "most_minor": st.sampled_from(AMOUNTS)},
    ),
)
conditions = st.tuples(
    st.fixed_dictionaries(
        {},
        optional={
            "standings": st.lists(
                st.sampled_from(["current", "grace", "lapsed", "once"]), max_size=2
            ),
            "languages": st.lists(st.sampled_from(["en", "uk"]), max_size=2),
            "interval": st.sampled_from(list(MONTHS)),
            "tier": st.sampled_from(["coffee", "lunch", "dinner"]),
            "since": st.sampled_from(DAYS),
            "until": st.sampled_from(DAYS),
            "votes": st.sampled_from(["ever", "never"]),
            "voted_in": st.sampled_from([0, 1, 2]),
        },
    ),
    money,
).map(lambda parts: parts[0] | parts[1])


def standing(person: Person) -> str | None:
    """Of the four, which; None for who is no patron."""
    running = [LIVE[each.state] for each in person.support if each.state in LIVE]
    if "current" in running or (person.took_gift_at and person.gift_lasts):
        return "current"
    if running:
        return "grace"
    if person.took_gift_at or any(each.is_paid for each in person.support):
        return "lapsed"
    return "once" if person.gave_once_at else None


def is_meant(person: Person, wanted: dict[str, Any]) -> bool:
    """The rules written out anew, one person at a time."""
    stands = standing(person)
    if person.is_leaving or stands is None:
        return False
    votes = person.voted - {2}
    begun = [each for each in person.support if each.state != "incomplete"]
    times = [each.started_at for each in begun]
    times += [each.started_at for each in person.support if each.is_paid]
    times += [at for at in (person.gave_once_at, person.took_gift_at) if at]
    since = min(times, default=None)
    day = since.astimezone(KYIV).date() if since else None
    own = max(begun, key=lambda each: (each.state in LIVE, each.started_at), default=None)
    checks = {
        "standings": lambda value: not value or stands in value,
        "languages": lambda value: not value or person.language in value,
        "interval": lambda value: own is not None and own.interval == value,
        "tier": lambda value: own is not None and tier(own) == value,
        "currency": lambda value: own is not None and own.currency == value,
        "least_minor": lambda value: own is not None and monthly(own) >= value,
        "most_minor": lambda value: own is not None and monthly(own) <= value,
        "since": lambda value: day is None or day >= value,
        "until": lambda value: day is not None and day <= value,
        "votes": lambda value: bool(votes) == (value == "ever"),
        "voted_in": lambda value: value in votes,
    }
    return all(checks[name](value) for name, value in wanted.items())


def monthly(support: Support) -> float:
    return support.amount / MONTHS[support.interval]


def tier(support: Support) -> str | None:
    reached = [name for name, least in TIERS[support.currency].items() if monthly(support) >= least]
    return reached[-1] if reached else None


def plant(session: Session, person: Person, rounds: list[Round]) -> Account:
    account = factories.account(session, language=person.language)
    if person.is_leaving:
        account.delete_after_at = factories.NOON
    for each in person.support:
        given = factories.subscription(
            session, account, state=each.state, interval=each.interval,
            currency=each.currency, amount_minor=each.amount, started_at=each.started_at,
        )  # fmt: skip
        if each.is_paid:
            factories.donation(session, account, subscription_id=given.id, paid_at=each.started_at)
    if person.gave_once_at:
        factories.donation(session, account, paid_at=person.gave_once_at)
    if person.took_gift_at:
        take_gift(session, account, person.took_gift_at, person.gift_lasts)
    for place in person.voted:
        session.add(Turnout(round_id=rounds[place].id, account_id=account.id))
    session.flush()
    return account


def take_gift(session: Session, account: Account, at: datetime, lasts: bool) -> None:
    days = 36500 if lasts else 1
    factories.add(
        session,
        Gift(
            source="pool", state="redeemed", recipient_email=account.email, language="en",
            months=1, amount_minor=400, currency="EUR", send_on=at.date(), account_id=account.id,
            redeemed_at=at, begins_at=at, ends_at=at + timedelta(days=days),
        ),
    )  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(crowd=st.lists(people, min_size=1, max_size=8), wanted=conditions)
def test_the_condition_is_what_the_words_say(
    session: Session, crowd: list[Person], wanted: dict[str, Any]
) -> None:
    """[M3] On random small populations, with random conditions."""
    with session.begin_nested() as made:
        rounds = [
            factories.round_(session, state=state) for state in ("settled", "settled", "open")
        ]
        accounts = {plant(session, person, rounds).id: person for person in crowd}
        named = dict(wanted)
        if "voted_in" in named:
            named["voted_in"] = rounds[named["voted_in"]].id
        meant = audience.condition(Audience.model_validate(named))
        found = set(session.scalars(select(Account.id).where(meant, Account.id.in_(accounts))))
        made.rollback()
    assert found == {id_ for id_, person in accounts.items() if is_meant(person, wanted)}


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(person=people)
def test_each_patron_has_one_standing_of_four(session: Session, person: Person) -> None:
    """[M3]"""
    with session.begin_nested() as made:
        rounds = [factories.round_(session, state="settled") for _ in range(3)]
        account = plant(session, person, rounds)
        found = []
        for each in ("current", "grace", "lapsed", "once"):
            meant = audience.condition(Audience(standings=(each,)))
            found += session.scalars(select(Account.id).where(meant, Account.id == account.id))
        made.rollback()
    assert len(found) == (standing(person) is not None and not person.is_leaving)


def test_who_only_reads_is_no_patron(session: Session) -> None:
    """[M3] An account without giving is in no audience."""
    factories.account(session)
    factories.staff(session)
    assert audience.count(session, Audience(), "campaign").people == 0


def test_kept_as_json_it_is_the_same_audience(app: Flask) -> None:
    wanted = Audience(
        standings=("grace",), currency="EUR", least_minor=1, since=date(2026, 1, 1), votes="never"
    )
    assert Audience.model_validate(wanted.as_json()) == wanted
    assert Audience().as_json() == {}


@pytest.mark.parametrize(
    "wrong", [{"least_minor": 5}, {"tier": "caviar"}, {"standings": ["rich"]}, {"votes_in": 1}]
)
def test_what_is_no_audience_is_refused(wrong: dict[str, Any]) -> None:
    """Amounts need a currency; an unknown condition is never passed over in silence."""
    with pytest.raises(ValidationError):
        Audience.model_validate(wrong)
