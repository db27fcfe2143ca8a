"""The page of what differed from Stripe, and what the first page says of it."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, AuditEntry
from membership.billing.comparison.models import Comparison, Difference
from membership.billing.models import StripeEvent
from tests import factories
from tests.billing.reading import row, rows
from tests.conftest import SignedIn
from tests.factories import NOON


@pytest.fixture
def compared(session: Session) -> Comparison:
    run = Comparison(finished_at=func.now(), subscriptions=312, invoices=340, clock_off_seconds=1)
    return factories.add(session, run)


@pytest.fixture
def giver(session: Session) -> Account:
    return factories.account(session, name="Olena Koval")


def difference(session: Session, run: Comparison, **values: object) -> Difference:
    defaults = {"comparison_id": run.id, "kind": "subscription", "stripe_id": "sub_odd",
                "fields": {"state": ["active", "ended"]}, "repaired_at": NOON}  # fmt: skip
    return factories.add(session, Difference(**(defaults | values)))


def test_without_a_run_the_page_says_what_will_stand_there(finance: FlaskClient) -> None:
    page = finance.get("/staff/differences").text
    assert "No comparison yet" in page
    assert "No differences" in page


def test_both_sides_stand_there_in_words(
    session: Session, finance: FlaskClient, compared: Comparison, giver: Account
) -> None:
    factories.subscription(session, giver, stripe_subscription_id="sub_odd", currency="EUR")
    difference(
        session,
        compared,
        account_id=giver.id,
        fields={
            "state": ["active", "cancel_scheduled"],
            "amount_minor": [500, 900],
            "current_period_end_at": ["2026-04-02T12:00:00+00:00", None],
            "card": ["old", "new"],
            "resumes_at": [None, "2034-12-31T12:00:00+00:00"],
            "something_new": [1, 2],
        },
    )
    page = finance.get("/staff/differences").text
    assert "amount: €5 → €9" in page
    assert "state: running → cancelled, runs out" in page
    assert "card: the old one → a new one" in page
    assert "end of the pause: – → 31 December 2034" in page
    assert "something_new: 1 → 2" in page
    assert f'href="/staff/patrons/{giver.id}">Olena Koval' in page
    assert "312" in page
    seen = row(session, AuditEntry, action="differences.listed")
    assert seen.detail == {"accounts": [giver.id]}


def test_what_could_not_be_repaired_says_why(
    session: Session, finance: FlaskClient, compared: Comparison
) -> None:
    difference(session, compared, stripe_id="in_poison", kind="invoice", fields={},
               repaired_at=None, last_error="KeyError: 'lines'")  # fmt: skip
    page = finance.get("/staff/differences").text
    assert "KeyError: &#39;lines&#39;" in page
    assert "could not be read" in page
    assert "not repaired" in page
    assert "Differences from Stripe that could not be repaired" in finance.get("/staff/").text


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", True),
        ("?state=repaired", True),
        ("?state=open", False),
        ("?kind=subscription", True),
        ("?kind=ledger", False),
        ("?kind=nonsense&state=nonsense", True),
        ("?q=sub_odd", True),
        ("?q=sub_even", False),
        ("?before=1", False),
        ("?before=nonsense", True),
    ],
)
def test_the_list_filters(
    session: Session, finance: FlaskClient, compared: Comparison, asked: str, found: bool
) -> None:
    difference(session, compared, id=1)
    assert ("sub_odd" in finance.get(f"/staff/differences{asked}").text.replace(
        'value="sub_odd"', "")) is found  # fmt: skip


def test_pages_follow_one_another(
    session: Session, finance: FlaskClient, compared: Comparison
) -> None:
    for number in range(51):
        difference(session, compared, id=number + 1, stripe_id=f"sub_{number:02}")
    first = finance.get("/staff/differences").text
    assert ("sub_50" in first, "sub_01" in first, "sub_00" in first) == (True, True, False)
    assert "before=2" in first
    assert "sub_00" in finance.get("/staff/differences?before=2").text


def test_staff_let_a_comparison_begin(session: Session, finance: FlaskClient) -> None:
    """[B4] One at a time, whoever asks; the asking stands in the audit log."""
    assert finance.post("/staff/differences/compare").status_code == 303
    assert finance.post("/staff/differences/compare").status_code == 303
    assert row(session, Comparison).finished_at is None
    assert len(rows(session, AuditEntry, action="comparison.asked_for")) == 2
    page = finance.get("/staff/differences").text
    assert "under way" in page
    assert "/staff/differences/compare" not in page


def test_others_cannot(session: Session, client: FlaskClient, signed_in: SignedIn) -> None:
    """[S8]"""
    assert client.post("/staff/differences/compare").status_code == 302
    for other in (factories.staff(session, "editor"), factories.patron(session)):
        assert signed_in(session, other).post("/staff/differences/compare").status_code == 403
    assert rows(session, Comparison) == []


def test_a_run_that_broke_off_says_so(
    session: Session, finance: FlaskClient, compared: Comparison
) -> None:
    session.execute(update(Comparison).values(
        finished_at=None, started_at=clock.now() - timedelta(days=2),
        last_error="StripeAwayError: no answer"))  # fmt: skip
    page = finance.get("/staff/differences").text
    assert "broke off" in page
    assert "no answer" in page
    assert "/staff/differences/compare" in page


# What the first page says


def test_late_comparisons_are_said(
    session: Session, finance: FlaskClient, compared: Comparison
) -> None:
    """[B4] Also when there has never been one although Stripe speaks to us."""
    late = "Stripe has not been compared with ours since"
    assert late not in finance.get("/staff/").text
    session.execute(update(Comparison).values(finished_at=clock.now() - timedelta(hours=27)))
    assert late in finance.get("/staff/").text
    session.delete(compared)
    session.flush()
    assert late not in finance.get("/staff/").text
    session.add(StripeEvent(id="evt_1", type="invoice.paid", payload={}, created_at=NOON,
                            received_at=clock.now() - timedelta(hours=27)))  # fmt: skip
    session.flush()
    assert late in finance.get("/staff/").text


@pytest.mark.parametrize(("ahead", "from_stripe", "off"), [
    (0, 1, None), (30, -40, None), (400, None, 400), (-400, 20, -400), (0, -3600, -3600),
])  # fmt: skip
def test_a_clock_that_is_off_is_said(
    session: Session,
    finance: FlaskClient,
    compared: Comparison,
    ahead: int,
    from_stripe: int | None,
    off: int | None,
) -> None:
    """[B17] Against the database's clock now, or Stripe's in the newest comparison."""
    compared.clock_off_seconds = from_stripe
    session.flush()
    with clock.fixed(clock.now() + timedelta(seconds=ahead)):
        page = finance.get("/staff/").text
        runs = finance.get("/staff/differences").text
    said = re.search(r"It is off by (-?\d+) s", page)
    assert ("This machine’s clock is wrong" in page) is (off is not None)
    assert (said is None) if off is None else (abs(int(said[1]) - off) < 30)
    assert ("off by -3600 s" in runs) is (from_stripe == -3600)
