"""The figures of the public page: those of the dashboard, less what could single somebody out."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from membership import clock
from membership.reports import rollups
from membership.reports.models import DailyFigures
from membership.reports.periods import quarter_of
from membership.reports.transparency import (
    Books,
    Income,
    Purse,
    books,
    down_to_fives,
    two_digits,
)
from tests import factories
from tests.reports.giving import joins, leaves, pays
from tests.reports.participating import patrons
from tests.reports.queries import number_of_queries

DAY = timedelta(days=1)
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)
SEPTEMBER = datetime(2026, 9, 5, 12, tzinfo=UTC)
JUNE = datetime(2026, 6, 5, 12, tzinfo=UTC)
SPRING, SUMMER = date(2026, 4, 1), date(2026, 7, 1)


def look(session: Session, at: datetime = NOVEMBER) -> Books:
    with clock.fixed(at):
        rollups.rebuild(session)
        return books(session, at.date())


def purse(shown: Books, currency: str = "EUR") -> Purse:
    (found,) = (each for each in shown.purses if each.currency == currency)
    return found


def quarter(shown: Books, first_day: date, currency: str = "EUR") -> Income:
    (found,) = (each for each in purse(shown, currency).quarters if each.first_day == first_day)
    return found


def gifts(session: Session, number: int, at: datetime, amount_minor: int = 1000) -> None:
    for _ in range(number):
        pays(session, factories.account(session), at, amount_minor=amount_minor)


def test_income_and_patrons(session: Session) -> None:
    """[D1] Net of refunds, by quarter and currency, of one-time and of regular gifts."""
    given = patrons(session, 12, JUNE)
    patrons(session, 5, SEPTEMBER, amount_minor=10000, currency="UAH")
    gifts(session, 6, SEPTEMBER)
    giver = factories.account(session)
    back = pays(session, giver, SEPTEMBER, amount_minor=2500)
    factories.refund(session, back, 2000, SEPTEMBER + DAY)
    leaves(session, given[0], SEPTEMBER)
    shown = look(session)
    assert (shown.until, shown.patrons) == (date(2026, 9, 30), 15)
    euro = purse(shown)
    assert euro.patrons.value == 10
    assert [each.first_day for each in euro.quarters] == [SUMMER, SPRING]
    summer, spring = euro.quarters
    assert (spring.regular.value, spring.one_time.value) == (4800, 0)
    assert (summer.regular.value, summer.one_time.value) == (0, 6500)
    assert (summer.received.value, spring.received.value) == (6500, 4800)
    assert quarter(shown, SUMMER, "UAH").received.value == 50000


@pytest.mark.parametrize(
    ("minor", "shown"),
    [(0, 0), (7, 7), (99, 99), (123_456, 120_000), (-125, -130), (99_700, 100_000)],
)
def test_amounts_are_told_in_two_digits(minor: int, shown: int) -> None:
    """[S10]"""
    assert two_digits(minor) == shown


def test_what_one_reader_gives_cannot_be_told_from_two_quarters(session: Session) -> None:
    """[S10] Whoever keeps the page of each: one who comes is in no number and in no sum."""
    patrons(session, 31, SEPTEMBER, amount_minor=1000)
    gifts(session, 5, NOVEMBER)
    patrons(session, 31, NOVEMBER, amount_minor=1000, currency="GBP")
    first = purse(look(session))
    joins(session, NOVEMBER, amount_minor=1200)
    patrons(session, 30, NOVEMBER, amount_minor=1000)
    then = look(session, NOVEMBER + 60 * DAY)
    assert purse(then).patrons.value == 60
    assert first.patrons.value == 30
    assert purse(then, "GBP").patrons.value == 30
    assert not hasattr(first, "mrr")
    autumn = quarter(then, date(2026, 10, 1))
    assert (autumn.regular.value, autumn.received.value) == (31_000, 36_000)


def test_nothing_of_a_quarter_that_is_not_over(session: Session) -> None:
    """[S10] Who looks every hour must not see a single gift come in."""
    patrons(session, 10, SEPTEMBER)
    before = look(session)
    patrons(session, 5, NOVEMBER - DAY)
    gifts(session, 7, NOVEMBER - DAY)
    assert look(session) == look(session, NOVEMBER + 20 * DAY) == before
    later = look(session, NOVEMBER + 45 * DAY)
    assert later.patrons == 15
    assert quarter(later, date(2026, 10, 1)).one_time.value == 7000


def test_gifts_of_fewer_than_five_are_hidden(session: Session) -> None:
    """[S10] Counted by people: one who gave six times is one. The sum would tell, and goes too."""
    patrons(session, 10, SEPTEMBER)
    giver = factories.account(session)
    for _ in range(6):
        pays(session, giver, SEPTEMBER, amount_minor=1000)
    income = quarter(look(session), SUMMER)
    assert income.one_time.is_hidden
    assert income.received.is_hidden
    assert income.regular.value == 4000


def test_regular_gifts_of_few_in_a_quarter_are_hidden(session: Session) -> None:
    """[S10] Of many patrons only two may pay in a quarter: those who give yearly."""
    patrons(session, 9, JUNE)
    joins(session, SEPTEMBER, amount_minor=6000, interval="year")
    shown = look(session)
    assert quarter(shown, SPRING).regular.value == 3600
    assert quarter(shown, SUMMER).regular.is_hidden
    assert quarter(shown, SUMMER).received.is_hidden
    assert purse(shown).patrons.value == 10


def test_a_currency_of_few_is_hidden(session: Session) -> None:
    """[S10]"""
    patrons(session, 11, SEPTEMBER)
    patrons(session, 4, SEPTEMBER, currency="USD")
    shown = look(session)
    assert purse(shown, "USD").patrons.is_hidden
    assert (purse(shown).patrons.value, shown.patrons) == (10, 15)


def test_a_refund_alone_is_somebodys(session: Session) -> None:
    """[S10] In a quarter without gifts, what went back went back to few."""
    patrons(session, 10, JUNE)
    gift = pays(session, factories.account(session), JUNE, amount_minor=900)
    factories.refund(session, gift, 900, SEPTEMBER)
    summer = quarter(look(session), SUMMER)
    assert summer.one_time.is_hidden
    assert summer.regular.value == 0


def test_at_most_four_quarters(session: Session) -> None:
    patrons(session, 6, datetime(2024, 5, 5, tzinfo=UTC))
    patrons(session, 6, SEPTEMBER)
    shown = purse(look(session))
    days = [each.first_day for each in shown.quarters]
    assert days == [SUMMER, SPRING, date(2026, 1, 1), date(2025, 10, 1)]
    assert shown.patrons.value == 10


def test_near_what_the_dashboards_show(session: Session) -> None:
    """[D1] Its sums are those of the daily figures that the dashboards read, rounded."""
    given = patrons(session, 12, JUNE)
    gifts(session, 8, SEPTEMBER, amount_minor=1234)
    leaves(session, given[0], SEPTEMBER, "payment_failed")
    shown = purse(look(session))
    days = list(session.query(DailyFigures).where(DailyFigures.currency == "EUR"))
    assert shown.patrons.value == down_to_fives(sum(d.new_patrons - d.lost_patrons for d in days))
    for each in shown.quarters:
        mine = [day for day in days if quarter_of(day.day) == each.first_day]
        assert each.received.value == two_digits(sum(day.received_minor for day in mine))
        assert each.one_time.value == two_digits(sum(day.one_time_minor for day in mine))


def test_it_asks_as_much_for_many_as_for_few(session: Session) -> None:
    """[L13]"""
    numbers = []
    for currency in ("EUR", "USD"):
        patrons(session, 6, SEPTEMBER, currency=currency)
        look(session)
        numbers.append(number_of_queries(session, lambda: books(session, NOVEMBER.date())))
    assert numbers == [3, 3]


def test_no_figures_yet(session: Session) -> None:
    shown = look(session)
    assert (shown.until, shown.patrons, shown.purses) == (None, None, ())


def test_months_are_counted_once_they_are_over(session: Session) -> None:
    """[S10] By the task; counted again by the command they are the same."""
    patrons(session, 6, JUNE)
    gifts(session, 5, SEPTEMBER)
    with clock.fixed(NOVEMBER):
        rollups.refresh(session)
        rollups.freeze(session)
        frozen = books(session, NOVEMBER.date())
    assert quarter(frozen, SUMMER).one_time.value == 5000
    assert look(session) == frozen
