"""Cohorts and leavings are summed up alike, however often and in whatever order they are told."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from membership.billing.models import Leaving
from membership.reports import rollups
from membership.reports.models import CohortFigures, DailyCount, RollupState
from membership.reports.rollups import cohorts as cohorts_rollup
from membership.reports.rollups import left as left_rollup
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, joins, leaves, moved
from tests.reports.histories import BEGINNING, CHURN, WHYS, Book, Life, lives

MARCH, MAY = date(2026, 3, 1), date(2026, 5, 1)
Figures = tuple[int, int, int, int]


def cohorts(session: Session) -> dict[tuple[str, date, date], Figures]:
    """(began, what they began with, supports, MRR) by currency, cohort and month."""
    session.expire_all()
    return {
        (row.currency, row.cohort, row.month): (
            row.began_patrons,
            row.began_minor,
            row.patrons,
            row.mrr_minor,
        )
        for row in session.scalars(select(CohortFigures))
    }


def left(session: Session) -> dict[tuple[str, str, date, str], tuple[int, int]]:
    session.expire_all()
    return {
        (row.name, row.currency, row.day, row.part): (row.number, row.minor)
        for row in session.scalars(
            select(DailyCount).where(DailyCount.name.in_(["left", "left_why"]))
        )
    }


def test_a_cohort_by_hand(session: Session) -> None:
    """[D2] By the month of an account's first entry in the currency; pausing leaves the month."""
    stays = joins(session, amount_minor=400)
    goes = joins(session, NOON + 29 * DAY, amount_minor=600)
    moved(session, stays, "expansion", 100, NOON + 60 * DAY)
    leaves(session, goes, NOON + 60 * DAY)
    rollups.rebuild(session)
    assert cohorts(session) == {
        ("EUR", MARCH, MARCH): (2, 1000, 2, 1000),
        ("EUR", MARCH, MAY): (0, 0, -1, -500),
    }


def test_another_currency_is_another_beginning(session: Session) -> None:
    """[D2] Currencies never mix: who changes to another one begins there."""
    first = joins(session)
    leaves(session, first, NOON + 60 * DAY)
    second = factories.subscription(
        session, session.get_one(factories.Account, first.account_id), currency="UAH"
    )
    moved(session, second, "reactivation", 9000, NOON + 60 * DAY)
    rollups.rebuild(session)
    assert cohorts(session)["UAH", MAY, MAY] == (1, 9000, 1, 9000)


def test_a_month_ends_with_its_last_second(session: Session) -> None:
    """[D2] Of UTC."""
    end = NOON.replace(day=31, hour=23, minute=59, second=59)
    joins(session, end)
    joins(session, end + timedelta(seconds=1))
    rollups.rebuild(session)
    assert [cohort for _, cohort, _ in sorted(cohorts(session))] == [MARCH, date(2026, 4, 1)]


def _last_rebuilt(session: Session, at: object) -> None:
    session.execute(update(RollupState).values(rebuilt_at=at))


def test_an_older_beginning_told_late_moves_all_that_came_after(session: Session) -> None:
    """[D2] [L6] The account stands in the cohort of what was told late, in all its months."""
    given = joins(session, NOON + 60 * DAY)
    rollups.refresh(session)
    assert set(cohorts(session)) == {("EUR", MAY, MAY)}
    _last_rebuilt(session, NOON + 70 * DAY)
    moved(session, given, "new", 300, NOON, told=NOON + 71 * DAY)
    rollups.refresh(session)
    assert cohorts(session) == {
        ("EUR", MARCH, MARCH): (1, 300, 1, 300),
        ("EUR", MARCH, MAY): (0, 0, 1, 400),
    }


def test_who_left_out_of_a_pause_counts_with_what_the_pause_took(session: Session) -> None:
    """[D2] Once, on the day of the end; what was never paid for never left."""
    given = joins(session)
    moved(session, given, "churn_voluntary", -400, NOON + 5 * DAY)
    given.state, given.end_reason, given.ended_at = "ended", "voluntary", NOON + 9 * DAY
    factories.subscription(
        session,
        factories.account(session),
        state="ended",
        end_reason="payment_failed",
        ended_at=NOON,
    )
    rollups.rebuild(session)
    day = NOON.date() + 9 * DAY
    assert left(session) == {
        ("left", "EUR", day, "voluntary"): (1, 400),
        ("left_why", "EUR", day, "unsaid"): (1, 400),
    }


def test_a_reason_that_is_given_later_finds_its_day(session: Session) -> None:
    """[D2] Who is asked may answer days after the end, and once more."""
    given = joins(session)
    leaves(session, given, NOON + DAY)
    given.synced_at = NOON + DAY
    rollups.refresh(session)
    _last_rebuilt(session, NOON + 30 * DAY)
    factories.add(
        session, Leaving(subscription_id=given.id, reason="cost", changed_at=NOON + 31 * DAY)
    )
    rollups.refresh(session)
    assert ("left_why", "EUR", NOON.date() + DAY, "cost") in left(session)
    assert ("left_why", "EUR", NOON.date() + DAY, "unsaid") not in left(session)


@pytest.fixture
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other rollups are kept in the same way, and would be kept for each example."""
    monkeypatch.setattr(rollups, "ROLLUPS", (cohorts_rollup.ROLLUP, *left_rollup.ROLLUPS))


@pytest.mark.usefixtures("only_these")
@given(told=lives, cuts=st.sets(st.integers(0, 300), min_size=1, max_size=2))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_told_bit_by_bit_or_at_once_it_is_the_same(
    session: Session, told: list[Life], cuts: set[int]
) -> None:
    """[D2] What is refreshed equals what is rebuilt, and what plain Python makes of the lives."""
    savepoint = session.begin_nested()
    try:
        book = Book(session, told)
        since = BEGINNING - DAY
        for days in (*sorted(cuts), 1000):
            until = BEGINNING + timedelta(days=days)
            book.write(since, until)
            rollups.refresh(session)
            _last_rebuilt(session, until)
            since = until
        refreshed = cohorts(session), left(session)
        rollups.rebuild(session)
        assert (cohorts(session), left(session)) == refreshed
        assert refreshed[0] == _by_hand(told)
        assert _numbers(refreshed[1], "left") == _ends(told)
    finally:
        savepoint.rollback()
        session.expire_all()


def _month(fact: object) -> date:
    return fact.at.date().replace(day=1)  # type: ignore[attr-defined,no-any-return]


def _by_hand(told: list[Life]) -> dict[tuple[str, date, date], Figures]:
    found: dict[tuple[str, date, date], list[int]] = {}
    for life in told:
        cohort = _month(life.facts[0])
        for fact in life.facts:
            if fact.movement is None:
                continue
            row = found.setdefault((life.currency, cohort, _month(fact)), [0, 0, 0, 0])
            if fact is life.facts[0]:
                row[0] += 1
                row[1] += fact.amount
            row[2] += (fact.movement in ("new", "reactivation")) - (fact.movement in CHURN.values())
            row[3] += fact.amount
    return {key: (row[0], row[1], row[2], row[3]) for key, row in found.items()}


def _ends(told: list[Life]) -> Counter[tuple[date, str]]:
    return Counter(
        (fact.at.date(), WHYS[fact.act]) for life in told for fact in life.facts if fact.act in WHYS
    )


def _numbers(
    found: dict[tuple[str, str, date, str], tuple[int, int]], name: str
) -> Counter[tuple[date, str]]:
    counted: Counter[tuple[date, str]] = Counter()
    for (its_name, _currency, day, part), (number, _minor) in found.items():
        if its_name == name:
            counted[day, part] += number
    return counted
