"""The overview: one currency at a time, in a constant number of queries."""

from datetime import date

import pytest
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.billing.dunning.models import Dunning
from membership.reports import rollups
from membership.reports.figures import Figure
from membership.reports.models import DailyFigures
from membership.reports.overview import page as overview
from membership.reports.overview.page import Overview, build
from membership.reports.overview.running import Difference, differences
from membership.reports.periods import Period
from membership.reports.report import Asked, Table, Tile
from tests import factories
from tests.factories import NOON
from tests.reports.giving import DAY, joins, leaves, moved, pays
from tests.reports.queries import number_of_queries

APRIL = NOON + 35 * DAY
LATER = date(2026, 4, 10)
THIS_MONTH = Period(date(2026, 4, 1), LATER)


def asked(period: Period = THIS_MONTH, currency: str = "EUR", *, sees_all: bool = True) -> Asked:
    return Asked(LATER, period, currency, sees_all)


def look(session: Session, question: Asked | None = None) -> Overview:
    session.flush()
    rollups.rebuild(session)
    return build(session, question or asked())


def tile(seen: Overview, key: str) -> Tile:
    (found,) = [each for each in seen.tiles if each.key == key]
    return found


def table(seen: Overview, key: str) -> Table:
    (found,) = [each for each in seen.tables if each.key == key]
    return found


@pytest.fixture
def two_months(session: Session) -> None:
    """One stays, one leaves in April, one begins to give yearly, one gives once."""
    joins(session, amount_minor=400)
    gone = joins(session, amount_minor=1000)
    leaves(session, gone, APRIL)
    joins(session, APRIL, amount_minor=12_000, interval="year")
    pays(session, factories.account(session), APRIL, amount_minor=5000)


def test_two_months_by_hand(session: Session, two_months: None) -> None:
    """[D1]"""
    seen = look(session)
    assert tile(seen, "patrons").figure == Figure(2)
    assert tile(seen, "mrr").figure == Figure(1400, denominator=2)
    assert tile(seen, "arr").figure == Figure(16_800, denominator=2)
    assert tile(seen, "arpu").figure == Figure(700, denominator=2)
    assert tile(seen, "net_new_mrr").figure == Figure(0, denominator=2)
    assert tile(seen, "one_time").figure == Figure(5000, denominator=1)
    assert tile(seen, "received").figure == Figure(17_000, denominator=3)
    assert tile(seen, "one_time").change == Figure(5000)
    assert tile(seen, "arpu").change == Figure(0)


def test_the_waterfall_of_any_days(session: Session, two_months: None) -> None:
    """[D1]"""
    days = Period(date(2026, 3, 1), date(2026, 4, 5))
    march = table(look(session, asked(days)), "waterfall")
    assert march.column("amount") == (0, 1400, 0, 0, 0, 0, 0, 1400)
    both = table(look(session, asked(Period(days.first_day, LATER))), "waterfall")
    assert both.column("amount") == (0, 2400, 0, 0, 0, -1000, 0, 1400)
    assert both.picture is not None
    assert both.picture["values"] == [0, 24, 0, 0, 0, -10, 0, 14]


def test_twelve_months_stand_beside_the_year_before(session: Session) -> None:
    """[D1]"""
    early = joins(session, NOON - 365 * DAY, amount_minor=300)
    moved(session, early, "expansion", 200, NOON)
    early.amount_minor = 500
    years = table(look(session), "years")
    assert len(years.rows) == 12
    assert years.column("month")[-1] == date(2026, 4, 1)
    assert years.column("mrr")[-3:] == (300, 500, 500)
    assert years.column("mrr_before")[-3:] == (0, 300, 300)
    assert years.column("received_before")[-2:] == (300, 0)


def test_a_fee_counts_in_the_currency_in_which_it_is_taken(session: Session) -> None:
    """[D1] And of how many payments it is known is said."""
    giver = factories.account(session)
    for fee in (45, 30, None):
        taken = {"fee_minor": fee, "fee_currency": "EUR" if fee else None}
        pays(session, giver, APRIL, currency="UAH", amount_minor=9000, **taken)
    pays(session, giver, APRIL, fee_minor=20, fee_currency="EUR")
    seen = look(session)
    assert tile(seen, "fees").figure == Figure(95, denominator=3)
    assert tile(seen, "fees").note == "known of 1 of 1 payment"
    hryvnia = look(session, asked(currency="UAH"))
    assert tile(hryvnia, "fees").figure == Figure(0, denominator=0)
    assert tile(hryvnia, "fees").note == "known of 2 of 3 payments"


def test_at_risk_and_about_to_end_are_part_of_mrr(session: Session) -> None:
    """[D1]"""
    joins(session, state="past_due", amount_minor=700)
    joins(session, state="cancel_scheduled", amount_minor=500)
    seen = look(session)
    assert tile(seen, "mrr").figure.value == 1200
    assert tile(seen, "at_risk").figure == Figure(700, denominator=1)
    assert tile(seen, "at_risk").behind == "patrons?state=past_due&currency=EUR"
    assert tile(seen, "scheduled_churn").figure == Figure(500, denominator=1)


def test_next_months_cash(session: Session) -> None:
    """[D6] Three of four renewals were paid; whoever cancelled, or renews later, is not in it."""
    monthly = joins(session, NOON - 60 * DAY, amount_minor=1000)
    giver = session.get_one(Account, monthly.account_id)
    for days in (30, 15, 0):
        pays(session, giver, NOON - days * DAY, subscription_id=monthly.id)
    factories.add(
        session,
        Dunning(
            subscription_id=monthly.id,
            stripe_invoice_id="in_lost",
            kind="soft",
            amount_minor=1000,
            currency="EUR",
            failed_at=NOON,
            given_up_at=NOON,
        ),
    )
    joins(session, amount_minor=300, state="cancel_scheduled")
    in_may = APRIL.replace(month=5)
    joins(session, APRIL, amount_minor=6000, interval="year", current_period_end_at=in_may)
    joins(session, APRIL, amount_minor=9000, interval="year")
    cash = tile(look(session), "cash")
    assert cash.figure == Figure(5250, denominator=2)
    assert cash.note == "3 of 4 renewals were paid in three months"


def test_cash_cannot_be_told_before_a_renewal(session: Session) -> None:
    """[D6]"""
    joins(session)
    cash = tile(look(session), "cash")
    assert not cash.figure.computable
    assert cash.note == "no renewal yet to measure by"


def test_large_counts_are_parted_by_thousands_wherever_they_stand(session: Session) -> None:
    """[D1] In the words beside a figure as in the figure."""
    joins(session, amount_minor=400)
    session.flush()
    rollups.rebuild(session)
    many = {"one_time_gifts": 1343, "payments": 4740, "payments_with_fee": 4001}
    session.add(DailyFigures(day=LATER, currency="EUR", **many))
    seen = build(session, asked())
    assert tile(seen, "one_time").note == "1,343 gifts"
    assert tile(seen, "fees").note == "known of 4,001 of 4,740 payments"


def test_currencies_stand_side_by_side_with_the_rows_behind(session: Session) -> None:
    """[D1] They are never added up."""
    joins(session, amount_minor=400)
    joins(session, amount_minor=9000, currency="UAH")
    joins(session, amount_minor=18_000, currency="UAH")
    side_by_side = table(look(session), "currencies")
    assert side_by_side.column("currency") == ("UAH", "EUR")
    mrr = side_by_side.column("mrr")
    assert mrr == (Figure(27_000, denominator=2), Figure(400, denominator=1))
    assert side_by_side.cell_links[0] == {
        "patrons": "patrons?currency=UAH&state=runs",
        "mrr": "patrons?currency=UAH&state=runs",
    }


def test_what_changed_since_yesterday(session: Session) -> None:
    joins(session)
    assert look(session).sentence == "Nothing has changed since yesterday."
    today = NOON.replace(month=4, day=10)
    joins(session, today, amount_minor=600)
    pays(session, factories.account(session), today - DAY, amount_minor=2500)
    assert look(session).sentence == (
        "Since yesterday began, 1 patron came and 0 left or paused; MRR went from €4 to €10, "
        "and €31 were received."
    )
    seen = look(session, asked(sees_all=False))
    assert seen.sentence == "Since yesterday began, 1 patron came and 0 left or paused."


def test_patrons_are_those_of_today_and_it_is_said(session: Session) -> None:
    """[D1] Of days that are over as well, and then no change of those days stands beside them."""
    joins(session)
    joins(session, NOON.replace(month=4, day=9))
    now = tile(look(session), "patrons")
    assert (now.figure.value, now.note) == (2, "2 in all currencies")
    assert now.change is not None
    march = Period(NOON.date().replace(day=1), NOON.date().replace(day=31))
    then = tile(look(session, asked(period=march)), "patrons")
    assert (then.figure.value, then.note) == (2, "today; 2 in all currencies")
    assert then.change is None
    assert tile(look(session, asked(period=march)), "at_risk").note == "today; 0 patrons"


def test_nothing_yet(session: Session) -> None:
    seen = build(session, asked())
    assert (seen.tiles, seen.tables, seen.as_of, seen.sentence) == ((), (), None, "")


def test_a_patron_with_two_subscriptions_is_one_patron(session: Session) -> None:
    """[L1] One runs out while the next has begun."""
    first = joins(session, state="cancel_scheduled")
    factories.subscription(session, session.get_one(Account, first.account_id))
    assert tile(look(session), "patrons").figure == Figure(1)


@pytest.mark.parametrize(("patrons", "hidden"), [(4, True), (5, False)])
def test_who_sees_no_amounts_gets_counts_and_none_of_few(
    session: Session, patrons: int, hidden: bool
) -> None:
    """[S8] [S10] Of any days; how many came is told, who of them is in a small group is not."""
    for _ in range(patrons):
        joins(session)
    march = Period(date(2026, 3, 1), date(2026, 3, 31))
    seen = look(session, asked(march, sees_all=False))
    assert [each.key for each in seen.tiles] == list(overview.COUNTS)
    assert {each.unit for each in seen.tiles} == {"count"}
    assert tile(seen, "patrons").figure.is_hidden is hidden
    assert tile(seen, "came").figure == Figure(patrons)
    assert [each.key for each in seen.tables] == ["years", "currencies"]
    assert all(column.unit != "money" for each in seen.tables for column in each.columns)
    newest = table(seen, "years").column("patrons")[-1]
    assert newest == (patrons if not hidden else Figure(None, computable=False, denominator=4))


def test_books_that_disagree_are_named_with_their_rows(session: Session) -> None:
    """[D7] [L15]"""
    given = joins(session, amount_minor=400)
    joins(session, amount_minor=9000, currency="UAH")
    joins(session, amount_minor=700)
    assert differences(session) == []
    seen = look(session)
    assert seen.disagreements == ()
    assert "unbalanced" not in [each.key for each in seen.tables]
    given.amount_minor = 500
    seen = look(session)
    assert seen.disagreements == (Difference("EUR", 1100, 1200),)
    assert table(seen, "invariant").column("difference") == (-100, 0)
    wrong = table(seen, "unbalanced")
    assert wrong.rows == ((f"#{given.id}", "EUR", 400, 500),)
    assert wrong.links == (f"patrons/{given.account_id}",)


def test_the_number_of_queries_does_not_grow(session: Session) -> None:
    """[L13]"""
    joins(session)
    rollups.rebuild(session)

    def act() -> Overview:
        return build(session, asked())

    before = number_of_queries(session, act)
    for number in range(30):
        joins(session, NOON + number * DAY, currency=("EUR", "UAH", "USD")[number % 3])
    rollups.rebuild(session)
    assert number_of_queries(session, act) == before == 5
