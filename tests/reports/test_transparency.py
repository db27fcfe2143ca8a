"""The figures of the public page: those of the dashboard, less what could single somebody out."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy.orm import Session

from membership import clock
from membership.reports import rollups
from membership.reports.models import DailyFigures
from membership.reports.transparency import Books, Income, Purse, books
from tests import factories
from tests.reports.giving import joins, leaves, pays
from tests.reports.participating import patrons
from tests.reports.queries import number_of_queries

DAY = timedelta(days=1)
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 5, 12, tzinfo=UTC)
SEPTEMBER = datetime(2026, 9, 5, 12, tzinfo=UTC)


def look(session: Session, at: datetime = NOVEMBER) -> Books:
    with clock.fixed(at):
        rollups.rebuild(session)
        return books(session, at.date())


def purse(shown: Books, currency: str = "EUR") -> Purse:
    (found,) = (each for each in shown.purses if each.currency == currency)
    return found


def month(shown: Books, first_day: date, currency: str = "EUR") -> Income:
    (found,) = (each for each in purse(shown, currency).months if each.first_day == first_day)
    return found


def gifts(session: Session, number: int, at: datetime, amount_minor: int = 1000) -> None:
    for _ in range(number):
        pays(session, factories.account(session), at, amount_minor=amount_minor)


def test_income_patrons_and_mrr(session: Session) -> None:
    """[D1] Net of refunds, by month and currency, of one-time and of regular gifts."""
    given = patrons(session, 10, SEPTEMBER)
    patrons(session, 5, OCTOBER, amount_minor=10000, currency="UAH")
    gifts(session, 6, OCTOBER)
    giver = factories.account(session)
    back = pays(session, giver, OCTOBER, amount_minor=2500)
    factories.refund(session, back, 2000, OCTOBER + DAY)
    leaves(session, given[0], OCTOBER)
    shown = look(session)
    assert (shown.until, shown.patrons) == (date(2026, 10, 31), 14)
    euro = purse(shown)
    assert (euro.patrons.value, euro.mrr.value) == (9, 3600)
    assert [each.first_day for each in euro.months] == [date(2026, 10, 1), date(2026, 9, 1)]
    october, september = euro.months
    assert (september.regular.value, september.one_time.value) == (4000, 0)
    assert (october.regular.value, october.one_time.value) == (0, 6500)
    assert (october.received.value, september.received.value) == (6500, 4000)
    assert month(shown, date(2026, 10, 1), "UAH").received.value == 50000


def test_nothing_of_a_month_that_is_not_over(session: Session) -> None:
    """[S10] Who looks every hour must not see a single gift come in."""
    patrons(session, 10, OCTOBER)
    before = look(session)
    patrons(session, 5, NOVEMBER - DAY)
    gifts(session, 7, NOVEMBER - DAY)
    assert look(session) == before
    later = look(session, NOVEMBER + 20 * DAY)
    assert later.patrons == 15
    assert month(later, date(2026, 11, 1)).one_time.value == 7000


def test_gifts_of_fewer_than_five_are_hidden(session: Session) -> None:
    """[S10] Counted by people: one who gave six times is one. The sum would tell, and goes too."""
    patrons(session, 10, OCTOBER)
    giver = factories.account(session)
    for _ in range(6):
        pays(session, giver, OCTOBER, amount_minor=1000)
    income = month(look(session), date(2026, 10, 1))
    assert income.one_time.is_hidden
    assert income.received.is_hidden
    assert income.regular.value == 4000


def test_regular_gifts_of_few_in_a_month_are_hidden(session: Session) -> None:
    """[S10] Of many patrons only two may pay in a month: those who give yearly."""
    patrons(session, 9, SEPTEMBER)
    yearly = joins(session, OCTOBER, amount_minor=6000, interval="year")
    shown = look(session)
    assert month(shown, date(2026, 9, 1)).regular.value == 3600
    october = month(shown, date(2026, 10, 1))
    assert october.regular.is_hidden
    assert october.received.is_hidden
    assert (purse(shown).mrr.value, purse(shown).patrons.value) == (4100, 10)
    assert yearly.amount_minor == 6000


def test_a_currency_of_few_is_hidden_and_so_is_the_whole(session: Session) -> None:
    """[S10] From the number of all, those of one currency could be told."""
    patrons(session, 10, OCTOBER)
    patrons(session, 4, OCTOBER, currency="USD")
    shown = look(session)
    dollars = purse(shown, "USD")
    assert dollars.patrons.is_hidden
    assert dollars.mrr.is_hidden
    assert shown.patrons is None
    assert purse(shown).patrons.value == 10


def test_a_refund_alone_is_somebodys(session: Session) -> None:
    """[S10] In a month without gifts, what went back went back to few."""
    patrons(session, 10, SEPTEMBER - 31 * DAY)
    gift = pays(session, factories.account(session), SEPTEMBER - 31 * DAY, amount_minor=900)
    factories.refund(session, gift, 900, OCTOBER)
    october = month(look(session), date(2026, 10, 1))
    assert october.one_time.is_hidden
    assert october.regular.value == 0


def test_at_most_twelve_months(session: Session) -> None:
    patrons(session, 6, datetime(2024, 5, 5, tzinfo=UTC))
    patrons(session, 6, OCTOBER)
    months = [each.first_day for each in purse(look(session)).months]
    assert (len(months), months[0], months[-1]) == (12, date(2026, 10, 1), date(2025, 11, 1))
    assert purse(look(session)).patrons.value == 12


def test_the_same_as_the_dashboards(session: Session) -> None:
    """[D1] Its sums are those of the daily figures that the dashboards read."""
    given = patrons(session, 12, SEPTEMBER)
    gifts(session, 8, OCTOBER)
    leaves(session, given[0], OCTOBER, "payment_failed")
    shown = look(session)
    days = [
        each
        for each in session.query(DailyFigures).where(DailyFigures.currency == "EUR")
        if each.day <= shown.until
    ]
    assert purse(shown).patrons.value == sum(d.new_patrons - d.lost_patrons for d in days)
    assert sum(each.received.value for each in purse(shown).months) == sum(
        each.received_minor for each in days
    )
    assert sum(each.one_time.value for each in purse(shown).months) == sum(
        each.one_time_minor for each in days
    )


def test_it_asks_as_much_for_many_as_for_few(session: Session) -> None:
    """[L13]"""
    numbers = []
    for currency in ("EUR", "USD"):
        patrons(session, 6, OCTOBER, currency=currency)
        look(session)
        numbers.append(number_of_queries(session, lambda: books(session, NOVEMBER.date())))
    assert numbers == [3, 3]


def test_no_figures_yet(session: Session) -> None:
    shown = look(session)
    assert (shown.until, shown.patrons, shown.purses) == (None, None, ())


def test_months_are_counted_once_they_are_over(session: Session) -> None:
    """[S10] By the task; counted again by the command they are the same."""
    patrons(session, 6, SEPTEMBER)
    gifts(session, 5, OCTOBER)
    with clock.fixed(NOVEMBER):
        rollups.refresh(session)
        rollups.freeze(session)
        frozen = books(session, NOVEMBER.date())
    assert month(frozen, date(2026, 10, 1)).one_time.value == 5000
    assert look(session) == frozen
