"""The page on failed payments: its figures against plain Python over the same failures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import median as middle
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from membership.billing.dunning.models import KINDS, RECOVERED_BY, Dunning
from membership.billing.dunning.rules import HARD
from membership.billing.models import Subscription
from membership.reports import rollups, stripe_words
from membership.reports.figures import Figure
from membership.reports.models import DailyCount, RollupState
from membership.reports.periods import Period
from membership.reports.recovery import at_risk, cards
from membership.reports.recovery.cards import SOON
from membership.reports.recovery.page import NAMES, median, report
from membership.reports.report import Asked, Report, Table, Tile
from membership.reports.rollups import recovery as recovery_rollups
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY
from tests.reports.queries import number_of_queries

TODAY = date(2026, 5, 31)
SPRING = Period(date(2026, 3, 1), TODAY)
ALL = Asked(TODAY, SPRING, "EUR", sees_all=True)
SOME = Asked(TODAY, SPRING, "EUR", sees_all=False)


def fails(session: Session, days: float = 0, given: Subscription | None = None, **more: Any) -> Any:
    """A payment that fails so many days after NOON, as it would have been written then."""
    given = given or factories.subscription(session, factories.account(session), state="past_due")
    at = NOON + days * DAY
    values = {
        "subscription_id": given.id,
        "stripe_invoice_id": f"in_{next(factories.numbers)}",
        "amount_minor": 400,
        "currency": "EUR",
        "kind": "soft",
        "decline_code": "insufficient_funds",
        "failed_at": at,
        "created_at": at,
        "changed_at": at,
    }
    return factories.add(session, Dunning(**(values | more)))


def comes(session: Session, row: Dunning, days: float, by: str = "retry") -> None:
    row.recovered_at = row.changed_at = row.failed_at + days * DAY
    row.recovered_by = by
    session.flush()


def table(found: Report, key: str) -> Table:
    return next(each for each in found.tables if each.key == key)


def tile(found: Report, key: str) -> Tile:
    return next(each for each in found.tiles if each.key == key)


@pytest.fixture
def newsroom(session: Session) -> None:
    """Of five that failed three came; one was given up, one still fails."""
    comes(session, fails(session), 0.5)
    comes(session, fails(session, amount_minor=1000, decline_code="expired_card"), 5, "mail")
    comes(session, fails(session, 30), 40, "patron")
    fails(session, 31, given_up_at=NOON + 50 * DAY, decline_code=None)
    fails(session, 60, amount_minor=700)
    fails(session, currency="UAH", amount_minor=9000)
    rollups.rebuild(session)


def test_what_failed_and_what_came(session: Session, newsroom: None) -> None:
    """[D3] By number, by value, in days; by the day of the failure."""
    found = report(session, ALL)
    assert tile(found, "failed").figure == Figure(5)
    assert tile(found, "failed_value").figure == Figure(400 + 1000 + 400 + 400 + 700)
    assert tile(found, "recovered").figure == Figure(Decimal("0.6"), denominator=5)
    assert tile(found, "recovered_value").figure == Figure(Decimal(1800) / 2900)
    assert tile(found, "recovery_days").figure == Figure(Decimal(5))
    assert tile(found, "failing").figure == Figure(1)
    assert tile(found, "failing_value").figure == Figure(700)
    assert [row[:5] for row in table(found, "recovery").rows] == [
        (date(2026, 3, 1), 2, 2, 0, 0),
        (date(2026, 4, 1), 2, 1, 1, 0),
        (date(2026, 5, 1), 1, 0, 0, 1),
    ]


def test_why_it_failed_and_what_brought_it(session: Session, newsroom: None) -> None:
    """[D3] Codes in words; each way that brings money stands there, also with none."""
    found = report(session, ALL)
    codes = table(found, "decline_codes")
    assert [row[:4] for row in codes.rows] == [
        ("not enough money on the account", "insufficient_funds", 3, 2),
        ("the card has expired", "expired_card", 1, 1),
        ("the bank said nothing", "unknown", 1, 0),
    ]
    assert table(found, "recovered_by").column("recovered") == (1, 1, 1)
    assert table(found, "recovered_by").column("recovered_value") == (1000, 400, 400)


def test_what_came_later_than_the_days_is_a_part_of_what_failed_in_them(session: Session) -> None:
    """[D3] A payment that came in May counts for March, in which it failed, and not for May."""
    comes(session, fails(session), 70)
    rollups.rebuild(session)
    march = Asked(TODAY, Period(date(2026, 3, 1), date(2026, 3, 31)), "EUR", sees_all=True)
    assert tile(report(session, march), "recovered").figure == Figure(Decimal(1), denominator=1)
    may = Asked(TODAY, Period(date(2026, 5, 1), date(2026, 5, 31)), "EUR", sees_all=True)
    assert report(session, may).tiles == ()


def test_cards_that_expire_soon(session: Session) -> None:
    """[D3] Within 30, 60 and 90 days, of what is charged again: neither ended nor about to."""
    for days, values in (
        (0, {"interval": "year", "amount_minor": 6000}),
        (30, {}),
        (31, {}),
        (90, {"state": "past_due"}),
        (91, {}),
        (-1, {}),
        (5, {"state": "cancel_scheduled"}),
        (5, {"currency": "UAH"}),
    ):
        factories.subscription(
            session, factories.account(session), card_expires_on=TODAY + days * DAY, **values
        )
    found = table(report(session, ALL), "cards")
    assert found.rows == ((30, 2, 900), (60, 3, 1300), (90, 4, 1700))
    assert table(report(session, SOME).seen_by(SOME), "cards").column("days") == SOON
    hidden = table(report(session, SOME).seen_by(SOME), "cards").column("cards")
    assert all(isinstance(cell, Figure) and cell.is_hidden for cell in hidden)


def test_who_does_not_see_all_sees_no_amounts(session: Session, newsroom: None) -> None:
    """[S10] Numbers alone, and no share of a group of fewer than 5."""
    found = report(session, SOME).seen_by(SOME)
    assert all(column.unit != "money" for each in found.tables for column in each.columns)
    assert [each.key for each in found.tiles] == ["failed", "recovered", "recovery_days", "failing"]
    assert [each.key for each in table(found, "recovered_by").columns] == [
        "means", "recovered", "share",
    ]  # fmt: skip
    assert "share_value" not in {each.key for each in table(found, "recovery").columns}
    assert tile(found, "recovered").figure == Figure(Decimal("0.6"), denominator=5)
    for row in table(found, "decline_codes").rows:
        assert isinstance(row[4], Figure)
        assert row[4].is_hidden


def test_the_number_of_queries_does_not_grow(session: Session, newsroom: None) -> None:
    """[L13]"""
    before = number_of_queries(session, lambda: report(session, ALL))
    for days in range(20):
        comes(session, fails(session, days), days)
    rollups.rebuild(session)
    assert number_of_queries(session, lambda: report(session, ALL)) == before <= 4


def test_the_list_is_of_what_fails_now_newest_first_page_by_page(
    session: Session, newsroom: None
) -> None:
    """[D3] [L13] No page repeats or leaves out anybody, though two failed in one moment."""
    expected = [fails(session, days).id for days in (1, 1, 2, 3)]
    place, seen = "", []
    for _page in range(3):
        page = at_risk.page(session, "EUR", place, limit=2)
        seen += [each.dunning.id for each in page.rows]
        place = page.older
    assert not place
    assert seen[1:] == sorted(expected, reverse=True)
    assert at_risk.page(session, "EUR", "no place") == at_risk.page(session, "EUR")


def test_whose_cards_expire_page_by_page(session: Session, newsroom: None) -> None:
    """[D3] [L13] No page repeats or leaves out anybody, though two cards are over on one day."""
    for days in (5, 5, 5, 9, 31):
        expires = TODAY + timedelta(days=days)
        factories.subscription(session, factories.account(session), card_expires_on=expires)
    place, seen = "", []
    while True:
        page = cards.page(session, "EUR", TODAY, 30, place, limit=2)
        seen += [(each.last_day, each.subscription.id) for each in page.rows]
        place = page.older
        if not place:
            break
    assert len(seen) == len(set(seen)) >= 4
    assert seen == sorted(seen)
    assert max(seen)[0] <= TODAY + timedelta(days=30)
    assert len(cards.page(session, "EUR", TODAY, 30).rows) == len(seen)


def test_the_list_of_a_month_or_of_a_code(session: Session, newsroom: None) -> None:
    """[D3] As many as the tables say, whatever became of them."""
    march, spring = Period(date(2026, 3, 1), date(2026, 3, 31)), SPRING
    assert len(at_risk.page(session, "EUR", days=march).rows) == 2
    found = at_risk.page(session, "EUR", days=spring, code="insufficient_funds")
    assert len(found.rows) == 3
    assert len(at_risk.page(session, "EUR", days=spring, code="unknown").rows) == 1


@given(st.lists(st.integers(0, 9)))
def test_the_median_is_that_of_the_values_themselves(values: list[int]) -> None:
    """[D3] From how often each occurs."""
    found = median({value: values.count(value) for value in values})
    assert found == (Decimal(str(middle(values))) if values else None)


def test_every_word_of_ours_for_a_failure_is_known() -> None:
    """[D3] Words for people, whatever Stripe calls it."""
    assert set(stripe_words.RECOVERED_BY) == set(RECOVERED_BY)
    assert set(stripe_words.FAILURE) == set(KINDS)
    assert set(stripe_words.DECLINE) > HARD


@dataclass(frozen=True)
class Failure:
    """Days after NOON; `after` is when it came or was given up, if ever."""

    day: int
    after: int | None
    outcome: str
    amount: int


failures = st.lists(
    st.builds(
        Failure,
        st.integers(0, 80),
        st.sampled_from((None, 0, 3, 14, 40)),
        st.sampled_from(("mail", "retry", "patron", "given up")),
        st.sampled_from((400, 700)),
    ),
    max_size=6,
)


@pytest.fixture
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other rollups are kept in the same way, and would be kept for each example."""
    monkeypatch.setattr(rollups, "ROLLUPS", recovery_rollups.ROLLUPS)


@pytest.mark.usefixtures("only_these")
@given(told=failures, cut=st.integers(0, 120))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_told_bit_by_bit_or_at_once_it_is_the_same(
    session: Session, told: Sequence[Failure], cut: int
) -> None:
    """[D3] What is refreshed equals what is rebuilt, and what plain Python makes of it."""
    savepoint = session.begin_nested()
    try:
        rows: dict[int, Dunning] = {}
        for since, until in ((-1, cut), (cut, 999)):
            for number, each in enumerate(told):
                if since < each.day <= until:
                    rows[number] = fails(session, each.day, amount_minor=each.amount)
                if each.after is not None and since < each.day + each.after <= until:
                    _ends(session, rows[number], each)
            rollups.refresh(session)
            session.execute(update(RollupState).values(rebuilt_at=NOON + until * DAY))
        refreshed = _counts(session)
        rollups.rebuild(session)
        assert _counts(session) == refreshed
        _as_plain_python_has_it(report(session, ALL), told)
    finally:
        savepoint.rollback()
        session.expire_all()


def _ends(session: Session, row: Dunning, told: Failure) -> None:
    assert told.after is not None
    if told.outcome == "given up":
        row.given_up_at = row.changed_at = row.failed_at + told.after * DAY
        session.flush()
    else:
        comes(session, row, told.after, told.outcome)


def _counts(session: Session) -> list[tuple[Any, ...]]:
    one = DailyCount
    asked = select(one.name, one.day, one.part, one.number, one.minor)
    rows = session.execute(asked.where(one.name.in_(NAMES)).order_by(one.name, one.day, one.part))
    return [tuple(row) for row in rows]


def _as_plain_python_has_it(found: Report, told: Sequence[Failure]) -> None:
    mine = [each for each in told if NOON.date() + timedelta(each.day) <= TODAY]
    if not found.tiles:
        assert not mine
        return
    came = [each for each in mine if each.after is not None and each.outcome != "given up"]
    assert tile(found, "failed").figure.value == len(mine)
    assert sum(int(str(each)) for each in table(found, "recovered_by").column("recovered")) == len(
        came
    )
    if came:
        days = middle([each.after for each in came if each.after is not None])
        assert tile(found, "recovery_days").figure.value == Decimal(str(days))
    if mine:
        value = sum(each.amount for each in came), sum(each.amount for each in mine)
        assert tile(found, "recovered_value").figure.value == Decimal(value[0]) / value[1]
