"""The first page as staff see it, what they may take along, and where rates are brought in."""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import html
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing.comparison.models import Comparison, Difference
from membership.reports import rates, rollups
from membership.reports.models import ExchangeRate
from tests import factories
from tests.reports.giving import DAY, joins, pays

SignedIn = Callable[[Session, Account], FlaskClient]


@pytest.fixture
def giver(session: Session) -> Account:
    """A patron of €4 a month, who gave €4 beside it today."""
    giver = session.get_one(Account, joins(session, clock.now()).account_id)
    pays(session, giver, clock.now())
    rollups.rebuild(session)
    return giver


def test_amounts_are_for_finance(session: Session, signed_in: SignedIn, giver: Account) -> None:
    """[S8] [S10]"""
    page = signed_in(session, factories.staff(session, "editor")).get("/staff/").text
    assert "€4" not in page
    assert "hidden: fewer than 5" in page
    assert "Amounts are for finance." in page
    assert "in-euro" not in page
    assert "€4" in signed_in(session, factories.staff(session, "finance")).get("/staff/").text


def test_editors_take_along_no_more_than_they_see(
    session: Session, signed_in: SignedIn, giver: Account
) -> None:
    """[S10]"""
    browser = signed_in(session, factories.staff(session, "editor"))
    assert browser.get("/staff/overview/waterfall.csv").status_code == 404
    lines = browser.get("/staff/overview/currencies.csv?currency=in-euro").text.splitlines()
    assert lines == [
        "\ufeffcurrency,patrons,came,went,gifts,failing_patrons,leaving_patrons", "EUR,,1,0,1,0,0"
    ]  # fmt: skip


def test_each_picture_has_a_table_and_a_csv_that_say_the_same(
    session: Session, signed_in: SignedIn, giver: Account
) -> None:
    browser = signed_in(session, factories.staff(session, "admin"))
    page = browser.get("/staff/").text
    drawn = re.findall(r'id="(\w+)-data">(.*?)</script>', page)
    assert [key for key, _data in drawn] == ["waterfall", "years", "movements"]
    answer = browser.get("/staff/overview/waterfall.csv")
    lines = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert lines[0] == ["step", "amount", "currency"]
    assert lines[2] == ["New", "4.00", "EUR"]
    assert json.loads(drawn[0][1])["values"] == [int(float(row[1])) for row in lines[1:]]


def test_every_figure_says_what_it_means(
    session: Session, signed_in: SignedIn, giver: Account
) -> None:
    browser = signed_in(session, factories.staff(session, "admin"))
    shown = re.findall(r'data-(?:figure|table)="(\w+)"', browser.get("/staff/").text)
    assert len(shown) == 16
    meanings = browser.get("/staff/figures").text
    assert all(f'id="{key}"' in meanings for key in shown)


def test_days_that_make_no_sense_are_left_out(
    session: Session, signed_in: SignedIn, giver: Account
) -> None:
    browser = signed_in(session, factories.staff(session, "admin"))
    usual = browser.get("/staff/overview/waterfall.csv").text
    for first, last in (("0001-01-01", "0002-01-01"), ("2999-01-01", "2999-02-01"), ("a", "b")):
        asked = browser.get(f"/staff/overview/waterfall.csv?period=own&from={first}&to={last}")
        assert asked.text == usual
    until = browser.get("/staff/?period=own&from=2026-01-01&to=9999-12-31")
    assert until.status_code == 200
    for first, last in (
        ("2026-02-02", "2026-02-01"),
        ("2999-01-01", "2999-02-01"),
        ("2026-02", ""),
    ):
        page = browser.get(f"/staff/?period=month&from={first}&to={last}")
        assert page.status_code == 400
        assert page.text.count("Please give a first and a last day, in that order") == 1


def test_days_that_are_typed_win_over_the_period_beside_them(
    session: Session, signed_in: SignedIn, giver: Account
) -> None:
    """Whoever types days need not choose "The days below" as well; nor, having done so, to take
    them out again to ask for another period.
    """
    browser = signed_in(session, factories.staff(session, "finance"))

    def period(**typed: str) -> tuple[str, str]:
        """What the form says, sent again as it stood but for what was typed."""
        (form,) = html.fromstring(browser.get("/staff/?period=last_month").text).xpath("//form"
            "[.//*[@name='from']]")  # fmt: skip
        asked = dict(form.form_values()) | typed
        page = html.fromstring(browser.get("/staff/", query_string=asked).text)
        (days,) = page.xpath("//input[@name='shown']/@value")
        (name,) = page.xpath("//select[@name='period']/option[@selected]/@value")
        return name, days

    days = {"from": "2026-01-05", "to": "2026-01-20"}
    assert period(**days) == ("own", "2026-01-05/2026-01-20")
    assert period() == period(period="last_month")
    assert period()[0] == "last_month"
    assert period(period="all")[0] == "all"
    own = {"shown": "2026-01-05/2026-01-20"} | days
    assert period(period="own", **own) == ("own", "2026-01-05/2026-01-20")
    assert period(period="last_month", **own) == period()


def test_the_dashboard_shows_in_red_where_books_disagree(
    session: Session, signed_in: SignedIn, giver: Account
) -> None:
    """[D7]"""
    browser = signed_in(session, factories.staff(session, "admin"))
    assert "do not agree" not in browser.get("/staff/").text
    other = factories.patron(session)
    compared = factories.add(session, Comparison(started_at=clock.now() - DAY))
    factories.add(
        session,
        Difference(
            comparison_id=compared.id,
            kind="subscription",
            stripe_id="sub_of_another",
            account_id=giver.id,
            fields={"state": ["active", "ended"]},
        ),
    )
    rollups.rebuild(session)
    page = browser.get("/staff/").text
    assert re.search(r'data-kind="bad".{0,99}The books of EUR do not agree', page, re.DOTALL)
    assert f'href="patrons/{other.id}"' in page
    assert "sub_of_another" in page
    editor = signed_in(session, factories.staff(session, "editor")).get("/staff/").text
    assert "The books of EUR do not agree" in editor
    assert "sub_of_another" not in editor


def test_all_in_euro_is_labelled_as_converted(
    session: Session, signed_in: SignedIn, giver: Account
) -> None:
    joins(session, clock.now(), amount_minor=9000, currency="UAH")
    joins(session, clock.now(), amount_minor=500, currency="USD")
    day = clock.now().date()
    rates.bring_in(session, f"Date,USD\n{day},1.25\n".encode(), "eurofxref.csv")
    rollups.rebuild(session)
    page = signed_in(session, factories.staff(session, "finance")).get("/staff/?currency=in-euro")
    assert "Converted into EUR" in page.text
    assert "not in these figures: UAH" in page.text
    assert str(day.year) in page.text
    # 4 € and 5 $.
    assert re.search(r'data-figure="mrr".*?tile-figure">.*?€8<', page.text, re.DOTALL)


def upload(browser: FlaskClient, content: bytes) -> Any:
    file = (io.BytesIO(content), "eurofxref.csv")
    return browser.post("/staff/rates", data={"file": file}, content_type="multipart/form-data")


def test_finance_brings_in_rates(session: Session, signed_in: SignedIn) -> None:
    """[S9]"""
    finance = factories.staff(session, "finance")
    browser = signed_in(session, finance)
    assert upload(browser, b"Date,USD\n2026-03-02,1.25\n").status_code == 303
    assert "1.25" in browser.get("/staff/rates").text
    noted = select(AuditEntry.actor_id).where(AuditEntry.action == "rates.imported")
    assert session.scalars(noted).all() == [finance.id]


@pytest.mark.parametrize("content", [b"Name,Mail\n", b""])
def test_another_file_changes_nothing(
    session: Session, signed_in: SignedIn, content: bytes
) -> None:
    answer = upload(signed_in(session, factories.staff(session, "finance")), content)
    assert answer.status_code == 422
    assert "so nothing was changed" in answer.text
    assert session.scalars(select(ExchangeRate)).all() == []


def test_rates_need_a_file_and_the_right_role(session: Session, signed_in: SignedIn) -> None:
    """[S8]"""
    browser = signed_in(session, factories.staff(session, "finance"))
    assert "Please choose a file." in browser.post("/staff/rates").text
    editor = signed_in(session, factories.staff(session, "editor"))
    assert upload(editor, b"Date,USD\n2026-03-02,1.25\n").status_code == 403
