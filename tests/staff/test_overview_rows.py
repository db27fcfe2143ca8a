"""The rows behind the overview: whose movements and gifts its figures are made of."""

import re
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import AuditEntry
from membership.reports import keyset, rollups
from membership.reports.keyset import Page
from membership.reports.overview import behind
from membership.reports.overview.behind import Moved, Payment
from membership.reports.overview.page import build
from membership.reports.periods import Period
from membership.reports.report import Asked
from tests import factories
from tests.conftest import SignedIn
from tests.reports.giving import joins, leaves, pays

AGO = timedelta(days=9)


@pytest.fixture
def asked(session: Session) -> Asked:
    """Days in which three came and one left again, and two gave once; one of each before."""
    now = clock.now()
    joins(session, now - 5 * AGO, amount_minor=300)
    joins(session, now - AGO, amount_minor=400)
    joins(session, now - AGO, amount_minor=500)
    joins(session, now - AGO, amount_minor=9000, currency="UAH")
    leaves(session, joins(session, now - AGO, amount_minor=600), now - AGO / 3)
    giver = factories.account(session, name="Olena Giver")
    for ago, amount in ((5, 100), (1, 700), (1, 800)):
        pays(session, giver, now - ago * AGO, amount_minor=amount)
    rollups.rebuild(session)
    days = Period((now - 2 * AGO).date(), now.date())
    return Asked(now.date(), days, "EUR", sees_all=True)


def test_the_rows_behind_each_step_sum_to_it(session: Session, asked: Asked) -> None:
    """[D1] And the gifts are as many as the figure says."""
    report = build(session, asked, lambda **what: f"{what}")
    tables = {each.key: each for each in report.tables}
    steps = tables["waterfall"]
    for (_name, amount), link in zip(steps.rows, steps.links, strict=True):
        step = re.sub(r".*: '(\w+)'}", r"\1", link)
        if step:
            rows = behind.moved(session, "EUR", asked.period, step).rows
            assert sum(row.amount_minor for row in rows) == amount, step
    assert sum(map(bool, steps.links)) == 6
    tiles = {each.key: each for each in report.tiles}
    given = behind.payments(session, "EUR", asked.period, "gifts").rows
    assert tiles["one_time"].note == f"{len(given)} gifts"
    assert sum(row.amount_minor for row in given) == tiles["one_time"].figure.value == 1500


def test_payments_and_their_fees_sum_to_their_figures(session: Session, asked: Asked) -> None:
    """[D1] A fee counts in the currency it was taken in, whatever was paid."""
    giver = factories.account(session)
    now = clock.now()
    for currency, fee_currency in (("EUR", "EUR"), ("UAH", "EUR"), ("EUR", "USD")):
        fee = {"fee_minor": 31, "fee_currency": fee_currency}
        pays(session, giver, now - AGO, amount_minor=1000, currency=currency, **fee)
    rollups.rebuild(session)
    tiles = {each.key: each for each in build(session, asked).tiles}
    paid = behind.payments(session, "EUR", asked.period).rows
    assert sum(row.amount_minor for row in paid) == tiles["received"].figure.value == 5000
    fees = behind.payments(session, "EUR", asked.period, "fees").rows
    assert [(row.currency, row.fee_currency) for row in fees] == [("UAH", "EUR"), ("EUR", "EUR")]
    assert sum(row.fee_minor or 0 for row in fees) == tiles["fees"].figure.value == 62


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_what_went_back_is_a_row_of_its_own_day(session: Session, asked: Asked, limit: int) -> None:
    """[D1] Whenever it was paid: the rows sum to the figure, in pieces as well as at once."""
    giver, now = factories.account(session), clock.now()
    days = Period((now - 4 * AGO).date(), now.date())
    before, within = (pays(session, giver, now - ago * AGO, amount_minor=2000) for ago in (6, 2))
    for given, minor, ago in ((before, 300, 1), (before, 200, 1), (within, 700, 2), (within, 1, 5)):
        factories.refund(session, given, amount_minor=minor, refunded_at=now - ago * AGO)
    within.refunded_minor, within.disputed_at = 701, now - AGO
    rollups.rebuild(session)
    question = Asked(asked.today, days, "EUR", sees_all=True)
    tiles = {each.key: each.figure.value for each in build(session, question).tiles}
    for which, key in (("payments", "received"), ("gifts", "one_time")):

        def some(place: str, which: str = which) -> Page[Payment]:
            return behind.payments(session, "EUR", days, which, place, limit=limit)

        rows = list(keyset.to_the_end(some))
        assert sum(row.amount_minor for row in rows) == tiles[key]
        kinds = Counter(row.kind for row in rows)
        assert (kinds["refunded"], kinds["disputed"]) == (3, 1)
        assert rows == behind.payments(session, "EUR", days, which).rows


def test_a_long_list_goes_on_where_it_ended(session: Session, asked: Asked) -> None:
    def some(place: str) -> Page[Moved]:
        return behind.moved(session, "EUR", asked.period, "", place, limit=1)

    found = [row.amount_minor for row in keyset.to_the_end(some)]
    assert found == [-600, 600, 500, 400]
    assert found == [row.amount_minor for row in behind.moved(session, "EUR", asked.period).rows]


def test_finance_reads_them_below_the_figures_and_takes_them_along(
    session: Session, signed_in: SignedIn, asked: Asked
) -> None:
    """[D1] [S8] [S9] That they were looked at is written down; nonsense is left out."""
    finance = signed_in(session, factories.staff(session, "finance"))
    days = f"from={asked.period.first_day}&to={asked.period.last_day}&period=own&currency=EUR"
    page = finance.get(f"/staff/?{days}&moved=churn_voluntary").text.split('id="people"')[1]
    assert "−€6" in page
    assert "€5" not in page.split("<table")[1].split("</table>")[0].replace("−€6", "")
    page = finance.get(f"/staff/?{days}&gifts=all").text.split('id="people"')[1]
    assert page.count(">Olena Giver</a>") == 2
    page = finance.get(f"/staff/?{days}&payments=all").text.split('id="people"')[1]
    assert page.count(">Olena Giver</a>") == 2 < page.count("<tr>") - 1
    assert "Nothing of the kind" in finance.get(f"/staff/?{days}&fees=all").text
    lines = finance.get(f"/staff/overview/people.csv?{days}&moved=new").text.splitlines()
    assert [line.rsplit(",", 2)[1] for line in lines[1:]] == ["6.00", "5.00", "4.00"]
    assert 'id="people"' not in finance.get(f"/staff/?{days}&moved=nonsense").text
    everything = finance.get(f"/staff/overview/people.csv?{days}").text.splitlines()
    assert [line.rsplit(",", 2)[1] for line in everything[1:]] == ["-6.00", "6.00", "5.00", "4.00"]
    session.commit()
    deeds = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert deeds == [
        "movements.listed",
        "gifts.listed",
        "payments.listed",
        *["people.exported"] * 2,
    ]


def test_others_neither_see_the_rows_nor_are_led_to_them(
    session: Session, signed_in: SignedIn, asked: Asked
) -> None:
    """[S8] [S10]"""
    editor = signed_in(session, factories.staff(session, "editor"))
    page = editor.get("/staff/?moved=all&period=12_months").text
    assert 'id="people"' not in page
    assert "moved=" not in page.split("<main")[1]
    assert editor.get("/staff/overview/people.csv?moved=all").status_code == 403


def test_converted_figures_lead_to_no_rows_of_one_currency(
    session: Session, signed_in: SignedIn, asked: Asked
) -> None:
    """[D1] Only those that stand side by side do, each in its own."""
    finance = signed_in(session, factories.staff(session, "finance"))
    page = finance.get("/staff/?currency=in-euro&moved=all&period=12_months").text
    assert 'id="people"' not in page
    assert finance.get("/staff/overview/people.csv?currency=in-euro").status_code == 404
    links = re.findall(r'href="([^"]*(?:moved|gifts)=[^"]*)"', page)
    assert links
    assert all(re.search(r"currency=(EUR|UAH)", link) for link in links)
