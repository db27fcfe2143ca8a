"""The overview: a currency at a time, in a constant number of queries."""

from datetime import date

import pytest
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.reports import rollups
from membership.reports.figures import Figure
from membership.reports.overview import Difference, Overview, differences, overview
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, joins, leaves, pays
from tests.reports.queries import number_of_queries

LATER = date(2026, 4, 10)
APRIL = NOON + 35 * DAY


def look(session: Session, today: date = LATER, *, hide: bool = False) -> Overview:
    session.flush()
    rollups.rebuild(session)
    return overview(session, today, hide_small_groups=hide)


def test_two_months_by_hand(session: Session) -> None:
    """[D1]"""
    joins(session, amount_minor=400)
    gone = joins(session, amount_minor=1000)
    leaves(session, gone, APRIL)
    joins(session, APRIL, amount_minor=12_000, interval="year")
    pays(session, factories.account(session), APRIL, amount_minor=5000)
    seen = look(session)
    euro = seen.currencies[0]
    assert seen.patrons == Figure(2)
    assert (seen.new, seen.lost) == (Figure(1), Figure(1))
    assert (seen.new_last_month, seen.lost_last_month) == (2, 0)
    assert euro.mrr == Figure(1400, denominator=2)
    assert euro.arr == Figure(16_800, denominator=2)
    assert euro.arpu.value == 700
    assert euro.net_new_mrr == Figure(0, denominator=2)
    assert euro.one_time == Figure(5000, denominator=1)
    assert [month.mrr for month in euro.months] == [1400, 1400]
    assert seen.differences == ()


def test_currencies_are_never_added_up(session: Session) -> None:
    joins(session, amount_minor=400)
    joins(session, amount_minor=9000, currency="UAH")
    joins(session, amount_minor=18_000, currency="UAH")
    seen = look(session)
    assert [(each.currency, each.mrr.value) for each in seen.currencies] == [
        ("UAH", 27_000),
        ("EUR", 400),
    ]


def test_nothing_yet(session: Session) -> None:
    seen = overview(session, LATER, hide_small_groups=False)
    assert (seen.patrons, seen.currencies, seen.rebuilt_at) == (Figure(0), (), None)


def test_at_risk_and_about_to_end_are_part_of_mrr(session: Session) -> None:
    joins(session, state="past_due", amount_minor=700)
    joins(session, state="cancel_scheduled", amount_minor=500)
    euro = look(session).currencies[0]
    assert euro.mrr.value == 1200
    assert euro.at_risk == Figure(700, denominator=1)
    assert euro.scheduled_churn == Figure(500, denominator=1)


def test_a_patron_with_two_subscriptions_is_one_patron(session: Session) -> None:
    """[L1] One runs out while the next has begun."""
    first = joins(session, state="cancel_scheduled")
    giver = session.get_one(Account, first.account_id)
    factories.subscription(session, giver)
    assert look(session).patrons == Figure(1)


@pytest.mark.parametrize(("patrons", "hidden"), [(4, True), (5, False)])
def test_small_groups_are_hidden_from_those_who_see_no_amounts(
    session: Session, patrons: int, hidden: bool
) -> None:
    """[S10]"""
    for _ in range(patrons):
        joins(session)
    euro = look(session, hide=True).currencies[0]
    assert euro.mrr.is_hidden is hidden
    assert euro.arr.is_hidden is hidden
    assert euro.arpu.is_hidden is hidden
    assert not euro.net_new_mrr.computable
    assert not euro.received.computable


def test_the_dashboard_names_a_currency_whose_books_disagree(session: Session) -> None:
    """[D7] [L15]"""
    given = joins(session, amount_minor=400)
    joins(session, amount_minor=9000, currency="UAH")
    assert differences(session) == []
    given.amount_minor = 500
    session.flush()
    assert look(session).differences == (Difference("EUR", 400, 500),)


def test_the_number_of_queries_does_not_grow(session: Session) -> None:
    """[L13]"""
    joins(session)
    rollups.rebuild(session)

    def act() -> Overview:
        return overview(session, LATER, hide_small_groups=False)

    before = number_of_queries(session, act)
    for number in range(30):
        joins(session, NOON + number * DAY, currency=("EUR", "UAH", "USD")[number % 3])
    rollups.rebuild(session)
    assert number_of_queries(session, act) == before == 4
