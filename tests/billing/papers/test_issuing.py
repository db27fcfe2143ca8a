"""Numbers without gaps, papers that never change."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.models import Checkout, Donation, Refund
from membership.billing.papers import issued, issuing, typesetting
from membership.billing.papers.issuing import (
    Giver,
    NothingGivenError,
    NotReceiptedError,
    UnfitRangeError,
)
from membership.billing.papers.models import Paper, PaperCounter
from membership.db import transaction
from tests import factories
from tests.billing.reading import wait_for_waiters
from tests.factories import NOON

THIRD_OF_JANUARY = datetime(2027, 1, 3, 12, tzinfo=UTC)
YEAR = (date(2026, 1, 1), date(2026, 12, 31))
OLENA = Giver("Olena Koval", "Kyiv")


@pytest.fixture(autouse=True)
def the_third_of_january() -> Iterator[None]:
    with clock.fixed(THIRD_OF_JANUARY):
        yield


@pytest.fixture
def giver(session: Session) -> Account:
    return factories.account(session)


def state(session: Session, account: Account, giver: Giver = OLENA, language: str = "en") -> Paper:
    return issuing.statement(session, account.id, *YEAR, giver, language)


def give_back(session: Session, donation: Donation, minor: int) -> None:
    """As it is written down when Stripe tells of a refund."""
    session.add(
        Refund(
            donation_id=donation.id,
            stripe_refund_id=f"re_{donation.id}_{minor}",
            amount_minor=minor,
            currency=donation.currency,
            state="done",
            refunded_at=NOON + timedelta(days=3),
        )
    )
    donation.refunded_minor += minor
    donation.refunded_at = NOON + timedelta(days=3)
    session.flush()


def test_a_donation_has_one_receipt(session: Session, giver: Account) -> None:
    """[B18] [L16] Asked for again, in whatever words, it is the same paper with the same bytes."""
    donation = factories.donation(session, giver)
    first = issuing.receipt(session, donation, OLENA, "en")
    again = issuing.receipt(session, donation, Giver("Somebody else"), "uk")
    assert (again.id, again.number, again.pdf) == (first.id, "R-2027-000001", first.pdf)
    assert first.facts["giver"] == {"name": "Olena Koval", "address": "Kyiv"}
    assert first.facts["newsroom"]["name"] == "The Courier"


def test_numbers_count_up_for_each_kind_and_year(session: Session, giver: Account) -> None:
    """[B18] Receipts and statements by themselves; each year of the newsroom begins at one."""
    gifts = [factories.donation(session, giver) for _ in range(3)]
    numbers = [issuing.receipt(session, gift, OLENA, "en").number for gift in gifts[:2]]
    numbers.append(state(session, giver).number)
    with clock.fixed(datetime(2027, 12, 31, 22, 30, tzinfo=UTC)):
        numbers.append(issuing.receipt(session, gifts[2], OLENA, "en").number)
    assert numbers == ["R-2027-000001", "R-2027-000002", "S-2027-000001", "R-2028-000001"]


def test_what_was_issued_never_changes(session: Session, giver: Account) -> None:
    """[B18] A later refund stands on the next statement; the issued papers are only marked."""
    donation = factories.donation(session, giver)
    receipt = issuing.receipt(session, donation, OLENA, "en")
    statement = state(session, giver)
    before = (receipt.pdf, statement.pdf)
    assert all(each.is_current for each in issued.of_account(session, giver.id))
    give_back(session, donation, 150)
    assert not any(each.is_current for each in issued.of_account(session, giver.id))
    assert issuing.receipt(session, donation, OLENA, "en").pdf == before[0]
    newer = state(session, giver)
    assert newer.number == "S-2027-000002"
    assert newer.facts["replaces"] == statement.number
    assert newer.facts["sums"][0]["kept_minor"] == 250
    assert [each.is_current for each in issued.of_account(session, giver.id)] == [
        True, False, False,
    ]  # fmt: skip
    session.expire_all()
    assert issued.find(session, statement.number).pdf == before[1]  # type: ignore[union-attr]


def test_the_same_days_give_the_same_statement(session: Session, giver: Account) -> None:
    """[B18] [L16] No new number while nothing changed; one for whatever would stand on it."""
    factories.donation(session, giver)
    first = state(session, giver)
    with clock.fixed(THIRD_OF_JANUARY + timedelta(days=40)):
        assert state(session, giver).pdf == first.pdf
        assert state(session, giver, Giver("O. Koval")).number == "S-2027-000002"
        factories.donation(session, giver, paid_at=NOON + timedelta(days=1))
        assert state(session, giver, Giver("O. Koval")).number == "S-2027-000003"
        assert state(session, giver, Giver("O. Koval"), "uk").language == "uk"


def test_staff_entries_and_gifts_are_named(session: Session, giver: Account) -> None:
    """[B18] What came by cheque bears its method; a year for somebody else is called so."""
    factories.donation(
        session, giver, provider="manual", method="cheque", reference="No. 7",
        stripe_payment_intent_id=None,
    )  # fmt: skip
    for purpose in ("gift", "pool"):
        order = factories.add(session, _checkout(giver, purpose))
        factories.donation(session, giver, checkout_id=order.id)
    gifts = state(session, giver).facts["gifts"]
    assert [(each["purpose"], each["method"]) for each in gifts] == [
        ("once", "cheque"), ("gift", "stripe"), ("pool", "stripe"),
    ]  # fmt: skip
    assert gifts[0]["reference"] == "No. 7"


def _checkout(giver: Account, purpose: str) -> Checkout:
    return Checkout(
        email=giver.email, language="en", interval="once", amount_minor=400, currency="EUR",
        purpose=purpose,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"refunded_minor": 400, "refunded_at": NOON}, "given back"),
        ({"disputed_at": NOON}, "disputed"),
    ],
)
def test_money_that_is_gone_gets_no_receipt(
    session: Session, giver: Account, values: dict[str, Any], why: str
) -> None:
    """[B18] And uses up no number."""
    donation = factories.donation(session, giver, **values)
    with pytest.raises(NotReceiptedError) as refused:
        issuing.receipt(session, donation, OLENA, "en")
    assert refused.value.why == why
    assert session.scalars(select(PaperCounter)).all() == []


def test_a_refund_that_failed_was_none(session: Session, giver: Account) -> None:
    """[B18] Asked for is not given back."""
    donation = factories.donation(session, giver, refunded_minor=100, refunded_at=NOON)
    for state_, minor in (("asked", 50), ("failed", 70), ("done", 100)):
        session.add(
            Refund(donation_id=donation.id, amount_minor=minor, currency="EUR", state=state_,
                   refunded_at=NOON)
        )  # fmt: skip
    session.flush()
    (gift,) = issuing.receipt(session, donation, OLENA, "en").facts["gifts"]
    assert gift["returns"] == [{"on": "2026-03-02", "amount_minor": 100}]


def test_no_statement_of_nothing(session: Session, giver: Account) -> None:
    """[B18] Days in which nothing came, days to come, days of somebody else's gifts."""
    factories.donation(session, factories.account(session))
    with pytest.raises(NothingGivenError):
        state(session, giver)
    with pytest.raises(UnfitRangeError):
        issuing.statement(session, giver.id, YEAR[0], date(2027, 1, 3), OLENA, "en")


@pytest.mark.parametrize("change", [update(Paper).values(number="R-1"), delete(Paper)])
def test_the_database_refuses_to_change_a_paper(
    session: Session, giver: Account, change: Any
) -> None:
    """[B18] Whoever tries."""
    issuing.receipt(session, factories.donation(session, giver), OLENA, "en")
    with pytest.raises(DBAPIError, match="paper"), session.begin_nested():
        session.execute(change)


@pytest.fixture
def gifts(committed: Engine) -> list[int]:
    """Ids of thirty donations of ten people."""
    with transaction() as session:
        people = [factories.account(session) for _ in range(10)]
        return [factories.donation(session, people[number % 10]).id for number in range(30)]


def make(app: Flask, donation_id: int, failures: list[BaseException]) -> None:
    try:
        with app.app_context(), clock.fixed(THIRD_OF_JANUARY), transaction() as session:
            donation = session.get_one(Donation, donation_id)
            issuing.receipt(session, donation, OLENA, "en")
    except BaseException as error:  # noqa: BLE001
        failures.append(error)


def numbers() -> list[str]:
    with transaction() as session:
        return sorted(session.scalars(select(Paper.number)))


def test_many_at_once_get_numbers_in_a_row(app: Flask, gifts: list[int]) -> None:
    """[B18] [L16] Every donation is asked for twice at the same moment: no gap, no double."""
    failures: list[BaseException] = []
    threads = [
        threading.Thread(target=make, args=(app, each, failures)) for each in gifts for _ in "12"
    ]
    for waiting in range(0, len(threads), 12):
        for each in threads[waiting : waiting + 12]:
            each.start()
        for each in threads[waiting : waiting + 12]:
            each.join()
    assert not failures
    assert numbers() == [f"R-2027-{number:06d}" for number in range(1, 31)]


def test_a_number_that_was_not_used_is_given_again(
    app: Flask, gifts: list[int], committed: Engine
) -> None:
    """[B18] One transaction holds the next number and dies; who waits for it gets it."""
    failures: list[BaseException] = []
    second = threading.Thread(target=make, args=(app, gifts[1], failures))
    with committed.connect() as connection, Session(connection) as dying:
        donation = dying.get_one(Donation, gifts[0])
        paper = issuing.receipt(dying, donation, OLENA, "en")
        assert paper.number == "R-2027-000001"
        second.start()
        wait_for_waiters(committed, 1)
        dying.rollback()
    second.join()
    assert not failures
    assert numbers() == ["R-2027-000001"]


def test_a_pdf_that_cannot_be_made_leaves_no_gap(
    app: Flask, gifts: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[B18] All of it or nothing."""
    broken = tmp_path / "paper.typ"
    broken.write_text("#panic()")
    failures: list[BaseException] = []
    with monkeypatch.context() as patched:
        patched.setattr(typesetting, "TEMPLATE", broken)
        make(app, gifts[0], failures)
    assert len(failures) == 1
    make(app, gifts[1], [])
    assert numbers() == ["R-2027-000001"]
