"""The back office of gifts: other ways, the pool, donations by hand."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.billing.gifts import redeeming
from membership.billing.gifts.models import Gift, OtherWay
from membership.billing.gifts.reference import reference
from membership.billing.models import Donation, Refund
from tests import factories
from tests.billing.gifts.steps import gift
from tests.billing.gifts.test_pool import paid_in
from tests.billing.gifts.test_ways import way
from tests.billing.reading import mails, row, rows
from tests.conftest import SignedIn

BOTH = {"editor", "finance", "admin"}
MONEY = {"finance", "admin"}
ROOMS = {
    "/staff/ways": BOTH,
    "/staff/ways/new": BOTH,
    "/staff/ways/{way}": BOTH,
    "/staff/pool": MONEY,
    "/staff/manual": MONEY,
    "/staff/manual/new": MONEY,
}
ACTS = {
    "/staff/ways/{way}/show": BOTH,
    "/staff/ways/{way}/move": BOTH,
    "/staff/manual/{donation}/take-back": MONEY,
}
ENTRY = {
    "entry_id": "6f1fd0b5-4a1d-4e26-9d4e-0b8a7a0f0e11",
    "method": "transfer",
    "amount": "50",
    "currency": "EUR",
    "received_on": "2026-03-02",
    "email": "giver@example.org",
    "name": "Olena Koval",
    "language": "en",
    "with_receipt": "y",
}
WAY = {
    "kind": "transfer",
    "language": "en",
    "title": "By transfer",
    "text": "It costs us nothing.",
    "value": "Kava\r\nUA21 3223",
}


@pytest.fixture
def ids(session: Session) -> dict[str, int]:
    donation = factories.donation(
        session, factories.account(session), provider="manual", method="cash",
        stripe_payment_intent_id=None,
    )  # fmt: skip
    return {"way": way(session).id, "donation": donation.id}


@pytest.fixture
def browser(session: Session, signed_in: SignedIn) -> FlaskClient:
    return signed_in(session, factories.staff(session, "finance"))


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


@pytest.mark.parametrize("role", ["reporter", "editor", "finance", "admin"])
@pytest.mark.parametrize("address", [*ROOMS, *ACTS])
def test_each_room_opens_for_its_roles(
    session: Session, signed_in: SignedIn, ids: dict[str, int], address: str, role: str
) -> None:
    """[S8]"""
    browser = signed_in(session, factories.staff(session, role))
    there = address.format(**ids)
    if address in ROOMS:
        assert browser.get(there).status_code == (200 if role in ROOMS[address] else 403)
    else:
        assert browser.get(there).status_code == 405
        assert (browser.post(there).status_code != 403) is (role in ACTS[address])


@pytest.mark.parametrize("address", [*ROOMS, *ACTS])
def test_readers_stay_outside(
    session: Session, client: FlaskClient, signed_in: SignedIn, ids: dict[str, int], address: str
) -> None:
    there = address.format(**ids)
    ask = client.get if address in ROOMS else client.post
    assert ask(there).status_code == 302
    browser = signed_in(session, factories.patron(session))
    ask = browser.get if address in ROOMS else browser.post
    assert ask(there).status_code == 403


def test_empty_rooms_teach(browser: FlaskClient) -> None:
    assert "Write how readers can give without a card" in browser.get("/staff/ways").text
    assert "When a reader tells you that money is short" in browser.get("/staff/pool").text
    assert "They count as one-time income" in browser.get("/staff/manual").text


# Other ways


def test_a_way_is_written_changed_and_hidden_with_an_audit_row_each(
    session: Session, browser: FlaskClient
) -> None:
    """[S9] Where money goes stands in the log, before and after."""
    assert browser.post("/staff/ways/new", data=WAY).status_code == 303
    found = row(session, OtherWay)
    assert (found.value, found.position, found.is_shown) == ("Kava\nUA21 3223", 1, True)
    assert "UA21 3223" in browser.get("/support/other-ways").text
    changed = {**WAY, "value": "Kava\nDE02 1203"}
    assert browser.post(f"/staff/ways/{found.id}", data=changed).status_code == 303
    assert browser.post(f"/staff/ways/{found.id}", data=changed).status_code == 303
    assert browser.post(f"/staff/ways/{found.id}/show", data={"shown": "0"}).status_code == 303
    assert "DE02" not in browser.get("/support/other-ways").text
    assert actions(session) == ["way.added", "way.changed", "way.hidden"]
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "way.changed")).one()
    assert entry.detail == {
        "before": {"value": "Kava\nUA21 3223"},
        "after": {"value": "Kava\nDE02 1203"},
    }


def test_ways_are_put_in_order(session: Session, browser: FlaskClient) -> None:
    first, second, third = (way(session, title=title, position=0) for title in "abc")
    browser.post(f"/staff/ways/{third.id}/move", data={"by": "-1"})
    browser.post(f"/staff/ways/{first.id}/move", data={"by": "-1"})
    browser.post(f"/staff/ways/{second.id}/move", data={"by": "1"})
    page = browser.get("/support/other-ways").text
    titles = re.findall(r'<h2 id="way-\d+">(.)</h2>', page)
    assert titles == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": ""}, "It needs a title."),
        ({"text": ""}, "Say in a sentence"),
        ({"value": ""}, "Readers need the account"),
        ({"kind": "paypal", "value": "http://paypal.com/x"}, "begins with https://"),
        ({"kind": "crypto", "value": ""}, "the address of one wallet"),
        ({"kind": "crypto", "value": "one two"}, "the address of one wallet"),
        ({"kind": "magic"}, ""),
        ({"language": "xx"}, ""),
        ({"value": "x" * 501}, "under 500 letters"),
    ],
)
def test_a_wrong_way_is_not_written(
    session: Session, browser: FlaskClient, changes: dict[str, str], said: str
) -> None:
    answer = browser.post("/staff/ways/new", data={**WAY, **changes})
    assert answer.status_code == 422
    assert said in answer.text
    assert not rows(session, OtherWay)
    assert not actions(session)


def test_a_way_that_is_not_there(browser: FlaskClient) -> None:
    for path in ("", "/move", "/show"):
        assert browser.post(f"/staff/ways/99{path}", data=WAY).status_code == 404


# The pool


def grant(browser: FlaskClient, **changes: str) -> Any:
    form = {
        "email": "friend@example.org",
        "language": "en",
        "months": "3",
        "currency": "EUR",
        "reason": "Wrote to us.",
    }
    return browser.post("/staff/pool", data={**form, **changes})


def test_months_are_granted_and_seen(session: Session, browser: FlaskClient) -> None:
    paid_in(session, 1200)
    page = browser.get("/staff/pool").text
    assert "€12" in page
    assert re.search(r'<input[^>]*name="months"[^>]*value="1"', page)
    assert grant(browser).status_code == 303
    assert row(session, Gift).recipient_email == "friend@example.org"
    assert "friend@example.org" in browser.get("/staff/pool").text
    assert "pool.granted" in actions(session)
    assert "pool.listed" in actions(session), "who was granted is personal"
    again = grant(browser)
    assert again.status_code == 409
    assert "has a grant already" in again.text
    short = grant(browser, email="other@example.org")
    assert short.status_code == 409
    assert "The pool has less than that" in short.text
    assert len(rows(session, Gift)) == 1


@pytest.mark.parametrize(
    "changes",
    [{"months": "0"}, {"months": "13"}, {"months": "x"}, {"email": "x"}, {"reason": ""},
     {"currency": "XXX"}],
)  # fmt: skip
def test_a_wrong_grant_is_not_written(
    session: Session, browser: FlaskClient, changes: dict[str, str]
) -> None:
    paid_in(session, 10_000)
    assert grant(browser, **changes).status_code == 422
    assert not rows(session, Gift)


# By hand


def test_a_donation_is_looked_at_before_it_is_written(
    session: Session, browser: FlaskClient
) -> None:
    looked = browser.post("/staff/manual/new", data=ENTRY)
    assert looked.status_code == 200
    for said in ("€50", "bank transfer", "2 March 2026", "giver@example.org", "will be made"):
        assert said in looked.text
    assert not rows(session, Donation)
    edited = browser.post("/staff/manual/new", data={**ENTRY, "act": "edit"})
    assert edited.status_code == 200
    assert 'value="giver@example.org"' in edited.text
    assert not rows(session, Donation)
    for _press in range(2):
        written = browser.post("/staff/manual/new", data={**ENTRY, "act": "enter"})
        assert written.status_code == 303
    assert row(session, Donation).amount_minor == 5000
    assert mails(session) == [("receipt", "giver@example.org")]
    page = browser.get("/staff/manual").text
    assert "Olena Koval" in page
    assert actions(session) == ["donation.entered", "manual.listed"]


def test_a_patrons_reference_names_the_giver(session: Session, browser: FlaskClient) -> None:
    giver = factories.account(session)
    written = reference(giver.id)
    form = {**ENTRY, "reference": f"{written} thanks", "email": ""}
    looked = browser.post("/staff/manual/new", data=form)
    assert giver.email in looked.text
    browser.post("/staff/manual/new", data={**form, "act": "enter"})
    assert row(session, Donation).account_id == giver.id
    other = browser.post("/staff/manual/new", data={**form, "email": "other@example.org"})
    assert other.status_code == 422
    assert "another patron" in other.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"email": ""}, "a reference of ours"),
        ({"email": "", "reference": "KAVA-1-11"}, "a reference of ours"),
        ({"email": "x"}, "no complete mail address"),
        ({"amount": "x"}, "as a number"),
        ({"amount": "-5"}, "as a number"),
        ({"amount": "1,234"}, "as a number"),
        ({"amount": ""}, "Say how much came"),
        ({"currency": "XXX"}, ""),
        ({"method": "magic"}, ""),
        ({"received_on": "2999-01-01"}, "still to come"),
        ({"received_on": "yesterday"}, "year-month-day"),
    ],
)
def test_a_wrong_entry_is_not_written(
    session: Session, browser: FlaskClient, changes: dict[str, str], said: str
) -> None:
    answer = browser.post("/staff/manual/new", data={**ENTRY, "act": "enter", **changes})
    assert answer.status_code == 422
    assert said in answer.text
    assert not rows(session, Donation)
    assert not rows(session, Account, email="giver@example.org")


def test_a_donation_is_taken_back_with_a_reason_once(
    session: Session, browser: FlaskClient, ids: dict[str, int]
) -> None:
    there = f"/staff/manual/{ids['donation']}/take-back"
    for reason in ("", " ", "x" * 501):
        assert browser.post(there, data={"reason": reason}).status_code == 422
    assert not rows(session, Refund)
    for _press in range(2):
        assert browser.post(there, data={"reason": "Bounced."}).status_code == 303
    assert row(session, Refund).reason == "Bounced."
    assert actions(session).count("donation.taken_back") == 1
    assert "taken back" in browser.get("/staff/manual").text
    assert browser.post("/staff/manual/999/take-back", data={"reason": "x"}).status_code == 404


def test_a_patrons_story_tells_of_a_gift(session: Session, browser: FlaskClient) -> None:
    """[L14] Not who gave it."""
    reader = factories.account(session)
    giver = factories.account(session, name="Secret Giver")
    redeeming.take(session, gift(session, giver=giver).id, reader.id)
    page = browser.get(f"/staff/patrons/{reader.id}").text
    assert "Took a gift" in page
    assert "Secret Giver" not in page
