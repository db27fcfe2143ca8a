"""Whose payments stand behind those who came: below the figures, and as a file."""

import re

import pytest
from lxml import html
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.reports import rollups
from tests import factories
from tests.conftest import SignedIn
from tests.reports.coming import comes
from tests.reports.giving import DAY

LISTS = {
    "paid=month": ["Monthly 4", "Monthly 12", "Hryvnia"],
    "given=UAH": ["Hryvnia"],
    "paid=month&given=EUR&tier=coffee": ["Monthly 4"],
    "paid=month&given=EUR&tier=lunch": ["Monthly 12"],
    "paid=year": ["Yearly"],
    "paid=all": ["Monthly 4", "Monthly 12", "Yearly", "Hryvnia"],
    # What makes no sense is left out.
    "paid=month&given=eur&tier=lunch": ["Monthly 4", "Monthly 12", "Hryvnia"],
    "paid=month&given=XXX&tier=lunch&before=%00": [],
}


@pytest.fixture
def newcomers(session: Session) -> None:
    said = (
        ("Monthly 4", {"amount_minor": 400}),
        ("Monthly 12", {"amount_minor": 1200}),
        ("Yearly", {"amount_minor": 4800, "interval": "year"}),
        ("Hryvnia", {"amount_minor": 20000, "currency": "UAH"}),
    )
    for number, (name, values) in enumerate(said):
        given = comes(session, clock.now() - (number + 1) * DAY, **values)
        session.get_one(Account, given.account_id).name = name
    rollups.rebuild(session)


@pytest.mark.usefixtures("newcomers")
@pytest.mark.parametrize("wanted", LISTS)
def test_finance_reads_whose_they_are_and_takes_them_along(
    session: Session, signed_in: SignedIn, wanted: str
) -> None:
    """[D4] [S8] [S9] Newest first; that they were looked at is written down."""
    finance = signed_in(session, factories.staff(session, "finance"))
    page = html.fromstring(finance.get(f"/staff/acquisition?{wanted}").text)
    names = page.xpath("//*[@id='people']//tbody//th/a/text()")
    assert names == LISTS[wanted]
    lines = finance.get(f"/staff/acquisition/people.csv?{wanted}").text.splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == names
    assert finance.get("/staff/acquisition/people.csv").status_code == 404, "no list, no file"
    deeds = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert deeds == [*["came.listed"] * bool(names), "people.exported"]


@pytest.mark.usefixtures("newcomers")
def test_others_neither_see_them_nor_are_led_to_them(session: Session, signed_in: SignedIn) -> None:
    """[S8]"""
    editor = signed_in(session, factories.staff(session, "editor"))
    for wanted in LISTS:
        page = editor.get(f"/staff/acquisition?{wanted}").text
        assert 'id="people"' not in page
        assert not re.search(r"Monthly \d|Yearly</a>|[&;]?(paid|given)=\w+", page.split("<main")[1])
        assert editor.get(f"/staff/acquisition/people.csv?{wanted}").status_code == 403
    assert not session.scalars(select(AuditEntry)).all()
