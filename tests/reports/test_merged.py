"""Figures that are told by person, after two accounts of one person became one."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import merging
from membership.accounts.models import Account
from membership.billing.models import LedgerEntry, Subscription
from membership.patrons import roll
from membership.patrons.models import Patron
from membership.reports import rollups
from membership.reports.models import CohortFigures, DailyCount, DailyFigures, RollupState
from membership.reports.periods import month
from membership.reports.retention import behind
from membership.reports.rollups import cohorts, daily_figures, givers, left
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, joins, leaves, moved, pays
from tests.reports.histories import BEGINNING, Book, Life, lives
from tests.reports.participating import CLOSED, count, groups, patrons, settled

MARCH, MAY = date(2026, 3, 1), date(2026, 5, 1)
LATER = NOON + 150 * DAY
Sums = dict[tuple[Any, ...], tuple[Any, ...]]


def merge(session: Session, kept_id: int, gone_id: int) -> None:
    session.get_one(Account, kept_id).verified_at = NOON
    with clock.fixed(LATER):
        merging.merge(session, kept_id, gone_id, actor_id=kept_id, reason="They asked.")


def comes_back(session: Session, at: Any, **values: Any) -> Any:
    """A second account of somebody who left in April begins in May."""
    first = joins(session, amount_minor=400)
    leaves(session, first, NOON + 30 * DAY)
    return first, joins(session, at, **values)


def rows(session: Session, table: Any, *keys: str) -> Sums:
    """What stands in a table, by its key."""
    session.expire_all()
    names = [each for each in table.__table__.columns.keys() if each != "rebuilt_at"]  # noqa: SIM118
    return {
        tuple(getattr(row, name) for name in keys): tuple(getattr(row, name) for name in names)
        for row in session.scalars(select(table))
    }


def all_rows(session: Session) -> list[Sums]:
    return [
        rows(session, CohortFigures, "currency", "cohort", "month"),
        rows(session, DailyFigures, "currency", "day"),
        rows(session, DailyCount, "name", "currency", "day", "part"),
        rows(session, Patron, "account_id"),
    ]


def standing(session: Session) -> dict[tuple[str, date], list[tuple[int, int]]]:
    """(patrons, MRR) of each cohort after each month in which it changed."""
    found: dict[tuple[str, date], list[tuple[int, int]]] = defaultdict(list)
    changes = select(CohortFigures).order_by(CohortFigures.month)
    for row in session.scalars(changes):
        own = found[row.currency, row.cohort]
        people, mrr = own[-1] if own else (0, 0)
        own.append((people + row.patrons, mrr + row.mrr_minor))
    return found


def mrr_by_currency(session: Session) -> dict[str, int]:
    summed = select(LedgerEntry.currency, func.sum(LedgerEntry.amount_minor))
    return {name: int(sum_) for name, sum_ in session.execute(summed.group_by("currency"))}


def test_who_came_back_by_another_account_stands_with_when_they_began(session: Session) -> None:
    """[D2] What the merge moves is found by the next refresh, however old it is."""
    first, second = comes_back(session, NOON + 65 * DAY, amount_minor=600)
    rollups.refresh(session)
    assert {each.cohort for each in session.scalars(select(CohortFigures))} == {MARCH, MAY}
    session.execute(update(RollupState).values(rebuilt_at=LATER))
    merge(session, second.account_id, first.account_id)
    rollups.refresh(session)
    assert standing(session) == {("EUR", MARCH): [(1, 400), (0, 0), (1, 600)]}
    # What came after the merge carries the number of the account that was kept.
    moved(session, second, "churn_voluntary", -600, LATER + DAY)
    session.execute(update(RollupState).values(rebuilt_at=LATER))
    rollups.refresh(session)
    assert standing(session)["EUR", MARCH][-1] == (0, 0)
    page = behind.began(session, "EUR", month("2026-03"))
    assert [(each.account.id, each.began_minor, each.mrr_minor) for each in page.rows] == [
        (second.account_id, 400, 0)
    ]
    assert not behind.began(session, "EUR", month("2026-05")).rows


def test_the_list_of_patrons_has_one_of_them(session: Session) -> None:
    """[D1] With what the other brought."""
    first, second = comes_back(session, NOON + 65 * DAY)
    rollups.refresh(session)
    session.execute(update(RollupState).values(rebuilt_at=LATER))
    gone = first.account_id
    merge(session, second.account_id, gone)
    rollups.refresh(session)
    row = session.get_one(Patron, second.account_id, populate_existing=True)
    assert (session.get(Patron, gone), row.since_at, row.standing) == (None, NOON, "current")
    assert roll.rebuild(session) == 0


def test_a_month_that_was_counted_is_counted_again(session: Session) -> None:
    """[S10] Where both gave in it: four people are not shown as five."""
    one, other = factories.account(session), factories.account(session)
    for each in (one, other):
        pays(session, each)
    pays(session, one, NOON + 40 * DAY)
    rollups.refresh(session)
    with clock.fixed(LATER):
        rollups.freeze(session)
    assert by_month(session) == {MARCH: 2, date(2026, 4, 1): 1}
    session.execute(update(RollupState).values(rebuilt_at=LATER))
    session.execute(update(DailyCount).where(DailyCount.day > MARCH).values(number=77))
    merge(session, one.id, other.id)
    rollups.refresh(session)
    # Nobody gave twice in April, and so nobody looked at it again.
    assert by_month(session) == {MARCH: 1, date(2026, 4, 1): 77}
    with clock.fixed(LATER):
        rollups.rebuild(session)
    assert by_month(session) == {MARCH: 1, date(2026, 4, 1): 1}


def test_a_month_is_counted_again_for_a_payment_told_late(session: Session) -> None:
    """[L6] Also one before all that were counted; then a rebuild finds nothing else."""
    one, other = factories.account(session), factories.account(session)
    pays(session, one)
    rollups.refresh(session)
    with clock.fixed(LATER):
        rollups.freeze(session)
    assert by_month(session) == {MARCH: 1}
    for at in (NOON, NOON - 60 * DAY):
        factories.donation(session, other, paid_at=at)
    rollups.refresh(session)
    assert by_month(session) == {date(2026, 1, 1): 1, MARCH: 2}
    with clock.fixed(LATER):
        rollups.rebuild(session)
    assert by_month(session) == {date(2026, 1, 1): 1, MARCH: 2}


def by_month(session: Session) -> dict[date, int]:
    session.expire_all()
    found = session.scalars(select(DailyCount).where(DailyCount.name == givers.NAME))
    return {each.day: each.number for each in found}


def test_a_vote_counts_who_they_were_until_all_is_rebuilt(session: Session) -> None:
    """[V9] [D5] As its tally does."""
    people = patrons(session, 6)
    leaves(session, people[1], CLOSED + DAY)
    held = settled(session, people[:2])
    count(session)
    before = groups(session, held)
    assert before["all", "", ""] == (6, 2)
    merge(session, people[0].account_id, people[1].account_id)
    count(session)
    assert groups(session, held) == before
    with clock.fixed(CLOSED + DAY):
        rollups.rebuild(session)
    assert groups(session, held)["all", "", ""] == (5, 1)
    # What both gave then is what the one of them gave.
    assert groups(session, held)["amount", "EUR", "5"] == (1, 1)


@pytest.fixture
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other rollups do not look at whose a row is, and would be kept for each example."""
    kept = (cohorts.ROLLUP, daily_figures.ROLLUP, *left.ROLLUPS)
    monkeypatch.setattr(rollups, "ROLLUPS", kept)


class People(Book):
    """Lives of which some turn out to be the same person's."""

    def merge(self, kept: int, gone: int, until: Any) -> None:
        """Unless they are one already, or the one that goes gives, or would come back."""
        if not {kept, gone} <= self.givers.keys():
            return
        one, other = self.givers[kept], self.givers[gone]
        theirs = [number for number, account in self.givers.items() if account is other]
        if any(fact.told > until for number in theirs for fact in self.lives[number].facts):
            return
        gives = exists().where(Subscription.account_id == other.id, Subscription.state != "ended")
        if self.session.scalar(select(gives)) or merging.obstacle(self.session, one, other):
            return
        with clock.fixed(until):
            reason = {"actor_id": one.id, "reason": "They asked."}
            merging.merge(self.session, one.id, other.id, **reason)
        for number in theirs:
            self.givers[number] = one


_step = st.tuples(st.integers(0, 300), st.integers(0, 3), st.integers(0, 3))


@pytest.mark.usefixtures("only_these")
@given(told=lives, merges=st.lists(_step, min_size=1, max_size=4))
@settings(
    max_examples=15, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_told_bit_by_bit_with_merges_it_is_the_same(
    session: Session, told: list[Life], merges: list[tuple[int, int, int]]
) -> None:
    """[D1] [D2] [D7] What is refreshed equals what is rebuilt, cohorts sum up to the MRR, and none
    ever has less than nobody.
    """
    savepoint = session.begin_nested()
    try:
        people, since = People(session, told), BEGINNING - DAY
        for days, kept, gone in (*sorted(merges), (900, 0, 1), (1000, 1, 2)):
            until = BEGINNING + timedelta(days=days)
            people.write(since, until)
            people.merge(kept, gone, until)
            rollups.refresh(session)
            session.execute(update(RollupState).values(rebuilt_at=until))
            since = until
        refreshed = all_rows(session)
        rollups.rebuild(session)
        assert all_rows(session) == refreshed
        found = standing(session)
        assert all(min(each) >= 0 for own in found.values() for each in own)
        summed: dict[str, int] = defaultdict(int)
        for (currency, _cohort), own in found.items():
            summed[currency] += own[-1][1]
        assert summed == mrr_by_currency(session)
        for each in session.scalars(
            select(CohortFigures).where(CohortFigures.month == CohortFigures.cohort)
        ):
            page = behind.began(session, each.currency, month(f"{each.cohort:%Y-%m}"))
            assert len({row.account for row in page.rows}) == len(page.rows) == each.began_patrons
            assert sum(row.began_minor for row in page.rows) == each.began_minor
    finally:
        savepoint.rollback()
        session.expire_all()
