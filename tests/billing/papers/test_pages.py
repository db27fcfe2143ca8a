"""Pages of papers: whose they are, what a GET does, what a file looks like."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing import links
from membership.billing.models import Donation
from membership.billing.papers import issuing
from membership.billing.papers.models import Paper
from tests import factories
from tests.billing.reading import row, rows
from tests.conftest import SignedIn

FORM = {"from_on": "2026-01-01", "to_on": "2026-12-31", "name": " Olena  Koval ", "address": "Kyiv"}


@pytest.fixture(autouse=True)
def the_third_of_january() -> Iterator[None]:
    with clock.fixed(datetime(2027, 1, 3, 12, tzinfo=UTC)):
        yield


@pytest.fixture
def patron(session: Session) -> Account:
    return factories.patron(session, name="Olena")


@pytest.fixture
def donation(session: Session, patron: Account) -> Donation:
    found: Donation = row(session, Donation, account_id=patron.id)
    return found


@pytest.fixture
def browser(session: Session, patron: Account, signed_in: SignedIn) -> FlaskClient:
    return signed_in(session, patron)


def assert_is_a_file(answer: Any, name: str, mimetype: str) -> None:
    assert answer.status_code == 200
    assert answer.mimetype == mimetype
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_statement_is_made_and_taken_along(session: Session, browser: FlaskClient) -> None:
    """[B18] The form proposes last year; PDF and CSV of what was issued are the same each time."""
    page = browser.get("/account/papers").text
    assert 'value="2026-01-01"' in page
    assert 'value="2026-12-31"' in page
    assert 'value="Olena"' in page
    assert rows(session, Paper) == []
    answer = browser.post("/account/papers", data=FORM)
    assert (answer.status_code, answer.location) == (303, "/account/papers")
    page = browser.get("/account/papers").text
    assert "Your statement no. S-2027-000001 is ready." in page
    assert 'value="Olena Koval"' in page
    first = browser.get("/account/papers/S-2027-000001.pdf")
    assert_is_a_file(first, "S-2027-000001.pdf", "application/pdf")
    assert first.data == row(session, Paper).pdf
    table = browser.get("/account/papers/S-2027-000001.csv")
    assert_is_a_file(table, "S-2027-000001.csv", "text/csv")
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "4.00,EUR" in table.data.decode("utf-8-sig")
    browser.post("/account/papers", data=FORM)
    assert len(rows(session, Paper)) == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"to_on": "2025-12-31"}, "The last day comes before the first."),
        ({"to_on": "2027-01-03"}, "A statement can end yesterday at the latest."),
        ({"from_on": "2016-12-31"}, "A statement can cover ten years at most."),
        ({"from_on": "2026-12-31"}, "We have received nothing from you in these days"),
        ({"from_on": ""}, "Say the first day."),
        ({"from_on": "next week"}, "Not a valid date value."),
        ({"to_on": "99999-01-01"}, "Not a valid date value."),
        ({"address": "x" * 501}, "This is longer than 500 letters."),
    ],
)
def test_what_is_wrong_is_said(
    session: Session, browser: FlaskClient, changes: dict[str, str], sentence: str
) -> None:
    """[B18] One sentence beside the field; nothing is issued, what was typed stays."""
    answer = browser.post("/account/papers", data=FORM | changes)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Olena Koval" in answer.text
    assert rows(session, Paper) == []


def test_a_receipt_is_made_by_the_press_of_a_button(
    session: Session, browser: FlaskClient, donation: Donation
) -> None:
    """[B18] [L23] Looking, however often, gives no number away."""
    pdf = f"/account/receipts/{donation.id}.pdf"
    page = f"/account/receipts/{donation.id}"
    assert browser.get(pdf).location == page
    assert browser.head(pdf).status_code == 302
    assert "Make the receipt" in browser.get(page).text
    assert rows(session, Paper) == []
    answer = browser.post(page, data={"name": "Olena Koval", "address": " a \r\n\r\n b "})
    assert (answer.status_code, answer.location) == (303, page)
    assert pdf in browser.get(page).text
    first = browser.get(pdf)
    assert_is_a_file(first, "R-2027-000001.pdf", "application/pdf")
    browser.post(page, data={"name": "Somebody else"})
    assert browser.get(pdf).data == first.data
    assert row(session, Paper).facts["giver"] == {"name": "Olena Koval", "address": "a\nb"}


def test_a_donation_that_was_given_back_gets_a_sentence(
    session: Session, browser: FlaskClient, donation: Donation
) -> None:
    """[B18] No receipt for money that is not with us."""
    donation.refunded_minor = donation.amount_minor
    session.flush()
    answer = browser.post(f"/account/receipts/{donation.id}", data={})
    assert answer.status_code == 409
    assert "This donation was given back to you" in answer.text
    assert rows(session, Paper) == []


def test_a_later_refund_marks_the_list(
    session: Session, browser: FlaskClient, donation: Donation
) -> None:
    """[B18] The paper stays as it is."""
    browser.post(f"/account/receipts/{donation.id}", data={})
    assert "given back since" not in browser.get("/account/papers").text
    donation.refunded_minor, donation.refunded_at = 100, clock.now()
    session.flush()
    assert "given back since" in browser.get("/account/papers").text


def test_papers_are_their_owners_alone(
    session: Session, donation: Donation, patron: Account, client: FlaskClient, signed_in: SignedIn
) -> None:
    """[B18] [S8] For others there is none; who is not signed in is asked to sign in."""
    paper = issuing.receipt(session, donation, issuing.Giver(), "en")
    statement = issuing.statement(
        session, patron.id, date(2026, 1, 1), date(2026, 12, 31), issuing.Giver(), "en"
    )
    addresses = [
        f"/account/receipts/{donation.id}",
        f"/account/receipts/{donation.id}.pdf",
        f"/account/papers/{paper.number}.pdf",
        f"/account/papers/{statement.number}.csv",
    ]
    for address in [*addresses, "/account/papers"]:
        assert client.get(address).location.startswith("/sign-in?next=")
    stranger = signed_in(session, factories.staff(session, role="finance"))
    for address in addresses:
        assert stranger.get(address).status_code == 404
    assert stranger.post(addresses[0]).status_code == 404
    assert stranger.get("/account/papers").status_code == 200


def test_a_receipt_has_no_table(browser: FlaskClient, donation: Donation) -> None:
    """[B18] Only statements are lists."""
    browser.post(f"/account/receipts/{donation.id}", data={})
    assert browser.get("/account/papers/R-2027-000001.csv").status_code == 404
    assert browser.get("/account/papers/R-2027-000002.pdf").status_code == 404


def test_no_link_opens_a_paper(session: Session, client: FlaskClient, donation: Donation) -> None:
    """[B18] [L12] A paper bears what its giver wrote on it; mails are forwarded and kept."""
    issuing.receipt(session, donation, issuing.Giver("Olena", "Kyiv"), "en")
    for purpose in get_args(links.Purpose):
        token = links.token(purpose, donation.id)
        for address in (f"/receipt/{token}", f"/receipt/{token}.pdf"):
            assert client.get(address).status_code == 404
            assert client.post(address).status_code == 404


@pytest.mark.parametrize(
    ("role", "status"), [("finance", 200), ("admin", 200), ("editor", 403), (None, 403)]
)
def test_staff_look_is_written_down(
    session: Session, donation: Donation, signed_in: SignedIn, role: str | None, status: int
) -> None:
    """[S8] [S9] Finance may see a patron's paper; each look is in the audit log."""
    number = issuing.receipt(session, donation, issuing.Giver(), "en").number
    browser = signed_in(session, factories.account(session, role=role))
    answer = browser.get(f"/staff/papers/{number}.pdf")
    assert answer.status_code == status
    looks = session.scalars(select(AuditEntry).where(AuditEntry.action == "paper.viewed")).all()
    assert [each.detail for each in looks] == ([{"number": number}] if status == 200 else [])
    if status == 200:
        assert_is_a_file(answer, f"{number}.pdf", "application/pdf")
        assert browser.get("/staff/papers/R-1.pdf").status_code == 404
        assert number in browser.get(f"/staff/patrons/{donation.account_id}").text


def test_the_page_speaks_ukrainian(session: Session, browser: FlaskClient) -> None:
    """[B18] The paper has the language of the page it was asked for on."""
    browser.post("/uk/account/papers", data=FORM)
    assert row(session, Paper).language == "uk"
    assert row(session, Paper).facts["language"] == "uk"
