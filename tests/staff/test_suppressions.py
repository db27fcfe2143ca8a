"""Blocked addresses: found by how they begin, blocked and taken off by hand, each with a reason."""

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account, AuditEntry
from membership.mail import suppression
from membership.mail.models import Suppression
from membership.staff.mail import suppressions
from tests import factories
from tests.conftest import SignedIn

PAGE = "/staff/mail/suppressions"


@pytest.fixture
def finance(session: Session) -> Account:
    return factories.staff(session, "finance")


@pytest.fixture
def browser(session: Session, signed_in: SignedIn, finance: Account) -> FlaskClient:
    return signed_in(session, finance)


def block(session: Session, address: str, reason: str = "hard_bounce", **values: Any) -> None:
    defaults = {"detail": "550 5.1.1 gone", "created_at": factories.NOON}
    row = {"address": address, "reason": reason, **defaults, **values}
    factories.add(session, Suppression(**row))


def deeds(session: Session) -> list[tuple[str, str, dict[str, Any]]]:
    """What was changed, by the audit log."""
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    listed = "suppressions.listed"
    return [(each.action, each.subject, each.detail) for each in entries if each.action != listed]


@pytest.mark.parametrize("role", ["reporter", "editor"])
def test_finance_alone_sees_blocked_addresses(
    session: Session, signed_in: SignedIn, role: str
) -> None:
    """[S8]"""
    browser = signed_in(session, factories.staff(session, role))
    assert browser.get(PAGE).status_code == 403
    assert browser.post(PAGE).status_code == 403
    assert browser.post(f"{PAGE}/lift").status_code == 403


def test_addresses_are_found_by_how_they_begin(session: Session, browser: FlaskClient) -> None:
    """Each look is audited, without addresses: the log cannot forget."""
    for address in ("olena@example.org", "Oleh@example.org", "50%off@example.org"):
        block(session, address)
    page = browser.get(f"{PAGE}?q=OLE").text
    assert "olena@example.org" in page
    assert "Oleh@example.org" in page
    assert "50%off" not in page
    assert "50%off" in browser.get(f"{PAGE}?q=50%25").text
    assert "No such address" in browser.get(f"{PAGE}?q=%25").text
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [entry.detail for entry in entries] == [{"addresses": n} for n in (2, 1, 0)]


def test_pages_follow_one_another(
    session: Session, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressions, "PAGE", 2)
    for name in ("a", "b", "c"):
        block(session, f"{name}@example.org")
    first = browser.get(PAGE).text
    assert "b@example.org" in first
    assert "c@example.org" not in first
    assert f'href="{PAGE}?after=b@example.org"' in first
    second = browser.get(f"{PAGE}?after=b@example.org").text
    assert "c@example.org" in second
    assert "Further" not in second


def test_a_report_is_told_by_its_month(session: Session, browser: FlaskClient) -> None:
    """[V8] On the last day of a vote, it may have been about a reminder."""
    block(session, "a@example.org")
    block(session, "b@example.org", "staff", detail="Asked by phone")
    page = browser.get(PAGE).text
    assert "<td>March 2026</td>" in page
    assert page.count("2 March 2026") == 1
    assert "550 5.1.1 gone" in page


def test_an_address_is_blocked_with_a_reason(
    session: Session, browser: FlaskClient, finance: Account
) -> None:
    reader = factories.account(session, email="olena@example.org")
    answer = browser.post(PAGE, data={"address": " Olena@Example.org ", "reason": "By phone"})
    assert answer.status_code == 303
    row = suppression.of(session, "olena@example.org")
    assert row
    assert (row.reason, row.detail) == ("staff", "By phone")
    assert deeds(session) == [("suppression.added", f"account:{reader.id}", {"reason": "By phone"})]
    browser.post(PAGE, data={"address": "olena@example.org", "reason": "Once more"})
    assert len(deeds(session)) == 1


@pytest.mark.parametrize(
    ("address", "reason", "said"),
    [
        ("olena@example.org", "", "Please say why"),
        ("", "By phone", "Please write the address."),
        ("no address", "By phone", "This is no mail address."),
        ("a@example.org, b@example.org", "By phone", "This is no mail address."),
    ],
)
def test_what_is_missing_is_said(
    session: Session, browser: FlaskClient, address: str, reason: str, said: str
) -> None:
    answer = browser.post(PAGE, data={"address": address, "reason": reason})
    assert answer.status_code == 422
    assert said in answer.text
    assert not session.scalars(select(Suppression)).all()
    assert deeds(session) == []


def test_an_address_is_taken_off_with_a_reason(session: Session, browser: FlaskClient) -> None:
    """The log names no stranger: whoever knows the address can tell by its keyed hash."""
    block(session, "stranger@example.org")
    refused = browser.post(f"{PAGE}/lift", data={"address": "stranger@example.org", "reason": " "})
    assert refused.status_code == 422
    assert "Please say why" in refused.text
    assert suppression.of(session, "stranger@example.org")
    data = {"address": "stranger@example.org", "reason": "Has room again"}
    assert browser.post(f"{PAGE}/lift", data=data).status_code == 303
    assert told(browser) == ("good", "No longer blocked.")
    assert suppression.of(session, "stranger@example.org") is None
    [(action, subject, detail)] = deeds(session)
    assert action == "suppression.lifted"
    assert subject.startswith("address:")
    assert "stranger" not in subject
    assert detail == {"reason": "Has room again", "was": "hard_bounce"}
    assert browser.post(f"{PAGE}/lift", data=data).status_code == 303
    assert told(browser) == ("info", "This address was not blocked.")
    assert len(deeds(session)) == 1


def told(browser: FlaskClient) -> tuple[str, str]:
    """The kind and the first sentence of what the next page says on top."""
    found = re.search(
        r'<div class="notice" data-kind="(\w+)".*?<p>([^.<]*\.)', browser.get(PAGE).text, re.S
    )
    assert found
    return found[1], found[2]


def test_a_missing_reason_is_said_in_its_row(session: Session, browser: FlaskClient) -> None:
    """The page stays where it was; no reload and no other language of it is an error."""
    for name in ("a", "b"):
        block(session, f"{name}@example.org")
    place = "after=a@example.org&q=b"
    [action] = re.findall(r'action="([^"]*/lift[^"]*)"', browser.get(f"{PAGE}?{place}").text)
    where = html.unescape(action)
    answer = browser.post(where, data={"address": "b@example.org", "reason": ""})
    assert answer.status_code == 422
    main = answer.text.partition("<main")[2]
    assert '<a href="#reason-b@example.org">Please say why' in main
    assert 'id="reason-b@example.org-error">Please say why' in main
    assert 'name="q" value="b"' in main
    assert "a@example.org</th>" not in main
    again = browser.get(where)
    assert again.status_code == 303
    asked = parse_qs(urlsplit(again.location).query)
    assert asked == {"after": ["a@example.org"], "q": ["b"]}
    lifted = browser.post(where, data={"address": "b@example.org", "reason": "Works again"})
    assert lifted.location == again.location


def test_what_stands_for_a_deleted_account_is_nobodys_address(
    session: Session, browser: FlaskClient
) -> None:
    block(session, "deleted-1@example.org", "account deleted")
    assert "deleted-1" not in browser.get(PAGE).text


def test_addresses_are_blocked_above_the_list(session: Session, browser: FlaskClient) -> None:
    """Who typed wrongly finds the form open, and the list as it was looked for."""
    block(session, "olena@example.org")
    page = browser.get(f"{PAGE}?q=ole").text
    assert page.index("Block it") < page.index("olena@example.org</th>")
    head = re.findall(r'<th scope="col">([^<]*)</th>', page)
    assert head[:2] == ["Address", "Take off"], "side by side, on a phone too"
    answer = browser.post(f"{PAGE}?q=ole", data={"address": "no address", "reason": "By phone"})
    assert answer.status_code == 422
    assert 'name="q" value="ole"' in answer.text
    assert re.search(r"<details[^>]* open>\s*<summary>Block an address", answer.text)
    browser.post(PAGE, data={"address": "new@example.org", "reason": "By phone"})
    assert told(browser)[0] == "good"
