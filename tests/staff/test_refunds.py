"""Refunds that wait for Stripe too long: on the overview, and on a page of their own."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing.models import Refund
from membership.reports import rollups
from membership.reports.attention import attention
from membership.staff.money import refunds
from tests import factories
from tests.billing.reading import row, rows
from tests.conftest import SignedIn


def waits(session: Session, name: str, hours: float, **values: object) -> Account:
    giver = factories.account(session, name=name)
    asked = {
        "donation_id": factories.donation(session, giver).id,
        "amount_minor": 300,
        "currency": "EUR",
        "state": "asked",
        "reason": "They wrote to us.",
        "created_at": clock.now() - timedelta(hours=hours),
    }
    factories.add(session, Refund(**(asked | values)))
    return giver


def test_those_that_wait_too_long_need_a_person(session: Session, finance: FlaskClient) -> None:
    """[B7] Neither one that was asked for just now, nor one that is over."""
    rollups.rebuild(session)
    assert attention(session).late_refunds == 0
    assert "No refund waits" in finance.get("/staff/disputes/refunds").text
    waits(session, "Just now", 0.9)
    waits(session, "Refused", 5, state="failed")
    waits(session, "On its way", 5, state="pending")
    assert attention(session).late_refunds == 0
    overview = finance.get("/staff/").text
    assert "What needs a person now" in overview
    assert "Refunds that wait" not in overview
    waits(session, "Second", 2)
    first = waits(session, "First", 30)
    assert attention(session).late_refunds == 2
    overview = finance.get("/staff/").text
    assert re.search(r'"/staff/disputes/refunds">Refunds that wait.*?>2<', overview)
    page = finance.get("/staff/disputes/refunds").text
    assert page.index(">First<") < page.index(">Second<")
    assert "Just now" not in page
    assert "They wrote to us." in page
    assert f"patrons/{first.id}" in page
    assert "https://dashboard.stripe.com/test/payments/pi_" in page
    assert len(row(session, AuditEntry, action="refunds.listed").detail["accounts"]) == 2


def test_of_many_the_oldest_are_shown(
    session: Session, finance: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refunds, "MOST", 1)
    waits(session, "Second", 2)
    waits(session, "First", 30)
    page = finance.get("/staff/disputes/refunds").text
    assert ">First<" in page
    assert ">Second<" not in page
    assert "There are more" in page


@pytest.mark.parametrize("role", ["reporter", "editor"])
def test_it_is_for_finance(session: Session, signed_in: SignedIn, role: str) -> None:
    """[S8]"""
    waits(session, "First", 30)
    browser = signed_in(session, factories.staff(session, role))
    assert browser.get("/staff/disputes/refunds").status_code == 403
    assert rows(session, AuditEntry, action="refunds.listed") == []
