"""The page of what banks take back or warn of."""

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing.models import Dispute
from membership.staff.money import disputes
from tests import factories
from tests.billing.reading import row, rows
from tests.conftest import SignedIn
from tests.factories import NOON


def dispute(session: Session, name: str = "Olena Koval", **values: object) -> Dispute:
    giver = factories.account(session, name=name)
    donation = factories.donation(session, giver)
    defaults = {
        "donation_id": donation.id,
        "kind": "dispute",
        "stripe_id": f"du_{donation.id}",
        "reason": "subscription_canceled",
        "status": "needs_response",
        "amount_minor": 400,
        "currency": "EUR",
        "opened_at": NOON,
    }
    return factories.add(session, Dispute(**(defaults | values)))


def in_days(days: float) -> datetime:
    return clock.now() + timedelta(days=days)


def test_an_empty_page_says_what_will_stand_there(session: Session, finance: FlaskClient) -> None:
    assert "No open disputes" in finance.get("/staff/disputes").text
    assert "Nothing closed yet" in finance.get("/staff/disputes?state=closed").text
    assert rows(session, AuditEntry, action="disputes.listed") == []


def test_the_next_deadline_comes_first(session: Session, finance: FlaskClient) -> None:
    dispute(session, "Without a day", kind="fraud_warning", status="actionable")
    dispute(session, "In five days", due_at=in_days(5.5))
    dispute(session, "Today", due_at=in_days(0.2))
    dispute(session, "Missed", due_at=in_days(-1.5))
    dispute(session, "Answered", due_at=in_days(-2), status="under_review")
    dispute(session, "Tomorrow", due_at=in_days(1.5))
    dispute(session, "Over", status="lost", closed_at=NOON)
    page = finance.get("/staff/disputes").text
    order = ["Missed", "Today", "Tomorrow", "In five days", "Without a day", "Answered"]
    places = [page.index(f">{name}<") for name in order]
    assert places == sorted(places)
    assert ">Over<" not in page
    for said in ("too late", "today", "1 day left", "5 days left"):
        assert page.count(said) == 1
    assert page.count("Answer at Stripe") == 4
    assert len(row(session, AuditEntry, action="disputes.listed").detail["accounts"]) == 6


def test_of_many_those_to_be_answered_first_are_shown(
    session: Session, finance: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disputes, "MOST_OPEN", 2)
    for day, name in ((5, "Fifth"), (1, "First"), (3, "Third")):
        dispute(session, name, due_at=in_days(day))
    page = finance.get("/staff/disputes").text
    assert ">First<" in page
    assert ">Third<" in page
    assert ">Fifth<" not in page
    assert "There are more. Here are the 2" in page
    assert len(row(session, AuditEntry, action="disputes.listed").detail["accounts"]) == 2


def test_a_case_leads_to_its_patron_and_to_stripe(session: Session, finance: FlaskClient) -> None:
    case = dispute(session, due_at=in_days(5))
    page = finance.get("/staff/disputes").text
    assert "charged after cancelling" in page
    assert ">€4<" in page
    assert 'href="https://dashboard.stripe.com/test/payments/pi_' in page
    assert "Answer at Stripe" in page
    giver = rows(session, Account, name="Olena Koval")[0]
    assert f'href="/staff/patrons/{giver.id}"' in page
    assert "Refund and end" not in page
    case.kind, case.status, case.due_at = "fraud_warning", "actionable", None
    session.flush()
    assert "Refund and end" in finance.get("/staff/disputes").text


def test_words_that_stripe_may_add_are_shown_as_they_are(
    session: Session, finance: FlaskClient
) -> None:
    dispute(session, reason="a_new_reason", status="a_new_state")
    page = finance.get("/staff/disputes").text
    assert "a_new_reason" in page
    assert "a_new_state" in page


def test_closed_ones_have_pages_of_their_own(session: Session, finance: FlaskClient) -> None:
    for number in range(51):
        dispute(session, f"Case {number:02}", id=number + 1, status="won", closed_at=NOON)
    first = finance.get("/staff/disputes?state=closed").text
    assert ("Case 50" in first, "Case 01" in first, "Case 00" in first) == (True, True, False)
    assert "before=2" in first
    assert "Case 00" in finance.get("/staff/disputes?state=closed&before=2").text


@pytest.mark.parametrize("role", ["reporter", "editor"])
def test_it_is_for_finance(session: Session, signed_in: SignedIn, role: str) -> None:
    """[S8]"""
    assert (
        signed_in(session, factories.staff(session, role)).get("/staff/disputes").status_code == 403
    )
