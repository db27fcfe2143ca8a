"""The page of our mail: what became of it, why some did not arrive, what waits, and its limits."""

import itertools
import json
import math
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import AuditEntry
from membership.campaigns.campaigns import STOPPED
from membership.mail import refusals
from membership.mail.claiming import IN_DOUBT
from membership.mail.models import MailProvider, MailReport, OutboxEmail
from membership.mail.suppression import REASONS
from membership.reports import words
from membership.staff.mail import mail_figures, mail_reasons
from membership.staff.mail.mail import PAGE
from membership.staff.mail.mail_reasons import Failure
from tests import factories
from tests.conftest import SignedIn
from tests.pages import without_tokens
from tests.staff.eyes import SEEN, lab
from tests.web.test_stylesheet import colours


def mail(session: Session, state: str = "sent", **values: Any) -> OutboxEmail:
    number = next(factories.numbers)
    now = clock.now()
    is_final = state not in ("pending", "sending")
    defaults = {
        "kind": "receipt",
        "recipient": f"reader{number}@example.org",
        "subject": f"donation:{number}",
        "language": "en",
        "context": {},
        "state": state,
        "next_attempt_at": now,
        "created_at": now,
        "settled_at": now if is_final else None,
    }
    return factories.add(session, OutboxEmail(**(defaults | values)))


@pytest.fixture(autouse=True)
def _no_midnight() -> Iterator[None]:
    """All of a test happens on one day."""
    with clock.fixed(clock.now()):
        yield


@pytest.fixture
def browser(session: Session, signed_in: SignedIn) -> FlaskClient:
    return signed_in(session, factories.staff(session, "finance"))


def rows(page: str, caption: str) -> list[list[str]]:
    """The cells of the table called so, without its head."""
    _, _, after = page.partition(f'<caption class="visually-hidden">{caption}</caption>')
    body = after.partition("<tbody>")[2].partition("</tbody>")[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("<tr")]
    return [[re.sub(r"<[^>]*>", "", cell).strip() for cell in row] for row in cells if row]


def test_states_are_told_by_day_and_by_kind(session: Session, browser: FlaskClient) -> None:
    """The picture says what its table says; what was settled long ago is over."""
    yesterday = clock.now() - timedelta(days=1)
    for state in ("sent", "sent", "failed"):
        mail(session, state)
    mail(session, "sent", kind="published", settled_at=yesterday)
    mail(session, "sent", settled_at=clock.now() - timedelta(days=mail_figures.SHOWN_DAYS))
    page = browser.get("/staff/mail").text
    days = rows(page, "Mails by day and state")
    assert [row[1:] for row in days] == [["2", "1", "–", "–", "–"], ["1", "–", "–", "–", "–"]]
    kinds = rows(page, "Mails by kind and state")
    assert [row[:3] for row in kinds] == [
        ["receipt", "2", "1"],
        ["story of a vote is out", "1", "–"],
    ]
    found = re.search(r'id="states-data">(.*?)</script>', page)
    assert found
    assert '<figure class="chart" data-wide' in page, "the table hides no state beside it"
    picture = json.loads(found.group(1))
    assert {row["name"]: row["values"] for row in picture["series"]}["sent"] == [1, 2]
    assert picture["labels"] == [days[1][0], days[0][0]]


def test_reminders_of_a_vote_are_in_no_figure(session: Session, browser: FlaskClient) -> None:
    """[V4] [V8] Neither among what became final, nor what waits, failed, or came back."""
    before = without_tokens(browser.get("/staff/mail").text)
    for state in ("sent", "failed", "pending", "sending", "uncertain"):
        sent = mail(session, state, kind="round_closing", last_error="550 5.1.1 gone")
        report(session, sent.recipient, outbox_id=sent.id)
    assert without_tokens(browser.get("/staff/mail").text) == before
    assert "reader" not in browser.get("/staff/mail?kind=round_closing").text.partition("<main")[2]


def report(session: Session, address: str, kind: str = "hard_bounce", **values: Any) -> None:
    defaults = {"provider": "postmark", "reference": f"r{next(factories.numbers)}", "detail": ""}
    factories.add(session, MailReport(kind=kind, address=address, **(defaults | values)))


def test_failures_are_told_by_reason_and_domain(session: Session, browser: FlaskClient) -> None:
    """[S10] Codes, not words, which name readers; a domain from five of its readers on."""
    for number in range(5):
        address = f"somebody{number}@big.example"
        mail(session, "failed", recipient=address, last_error=f"550 5.1.1 <{address}> unknown")
    for _ in range(6):
        mail(session, "failed", recipient="one@own.example", last_error="552 full")
    mail(session, "uncertain", last_error="no answer: it may have been taken")
    report(session, "other@big.example", detail="5.2.2 over quota")
    report(session, "other@big.example", "complaint", detail="")
    page = browser.get("/staff/mail").text
    assert rows(page, "Mails that did not arrive, by reason") == [
        ["552", "refused for good", "6"],
        ["5.1.1", "there is no such address", "5"],
        ["5.2.2", "the mailbox is full", "1"],
        ["–", "the mail server fell silent: it may have been taken", "1"],
        ["–", "for another reason", "1"],
    ]
    assert rows(page, "Mails that did not arrive, by domain") == [
        ["big.example", "7"],
        ["other domains", "7"],
    ]
    assert "reported as spam: 1" in page


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("550 5.1.1 no such user", "5.1.1"),
        ("smtp; 550-5.7.26 not signed", "5.7.26"),
        ("550 no such user at 10.5.1.1", "550"),
        ("no answer: it may have been taken; then 421 4.7.0 slow", "4.7.0"),
        ("no answer: it may have been taken", mail_reasons.NO_ANSWER),
        ("UndefinedError: 'x' is undefined", mail_reasons.UNWRITTEN),
        ("", mail_reasons.UNKNOWN),
    ],
)
def test_reasons_are_codes(said: str, reason: str) -> None:
    assert mail_reasons.reason(said) == reason
    assert mail_figures.meaning(reason)


def test_five_mails_to_one_reader_are_no_group() -> None:
    """[S10]"""
    one = [Failure("550", "One@own.example"), Failure("550", "one@OWN.example")] * 5
    assert mail_reasons.by_domain(one) == ([], 10)


def test_what_waits_is_told(session: Session, browser: FlaskClient) -> None:
    due = clock.now() - timedelta(hours=2)
    mail(session, "pending", next_attempt_at=due)
    mail(session, "sending", next_attempt_at=clock.now())
    held = mail(session, "pending", kind="campaign", is_bulk=True)
    held.next_attempt_at = None
    session.flush()
    page = browser.get("/staff/mail").text
    assert "2 mails; the oldest is due since" in page
    assert "1 mail, 1 of them held back" in page


def test_a_mail_server_that_sends_us_away_is_told(session: Session, browser: FlaskClient) -> None:
    """[M5]"""
    assert "left alone" not in browser.get("/staff/mail").text
    provider = factories.add(
        session,
        MailProvider(
            name="127.0.0.1",
            paused_until_at=clock.now() + timedelta(minutes=2),
            pause_reason="421 4.7.0 <too> many",
            refusals=1,
        ),
    )
    assert "421 4.7.0 &lt;too&gt; many" in browser.get("/staff/mail").text
    provider.paused_until_at = clock.now() - timedelta(seconds=1)
    session.flush()
    assert "left alone" not in browser.get("/staff/mail").text


def test_the_list_is_filtered_by_kind_and_address(session: Session, browser: FlaskClient) -> None:
    """A whole address is found as it is written or not; a part of one, too."""
    mail(session, recipient="olena@example.org")
    mail(session, kind="published", recipient="olena@example.org")
    mail(session, recipient="solena@example.org")

    def found(query: str) -> list[list[str]]:
        page = browser.get(f"/staff/mail?{query}").text
        return [[row[0], row[2]] for row in rows(page, "Mails, newest first")]

    assert len(found("q=lena")) == 3
    assert found("q=OLENA@example.org") == [
        ["olena@example.org", "story of a vote is out"],
        ["olena@example.org", "receipt"],
    ]
    assert found("q=OLENA@example.org&kind=receipt") == [["olena@example.org", "receipt"]]
    assert found("kind=nothing") == found("")


def test_neither_page_nor_audit_log_numbers_the_mails(
    session: Session, browser: FlaskClient
) -> None:
    """[V4] [S9] Between two numbers lie the reminders of a vote, so they would tell its turnout."""
    patron = factories.patron(session)
    mail(session, recipient="first@example.org", account_id=patron.id)
    for _ in range(7):
        mail(session, kind="round_closing")
    others = [mail(session) for _ in range(PAGE)]
    page = browser.get("/staff/mail").text
    (older,) = re.findall(r"/staff/mail\?before=([\w-]{32})\"", page)
    ((address, *_),) = rows(browser.get(f"/staff/mail?before={older}").text, "Mails, newest first")
    assert address == "first@example.org"
    assert "first@example.org" not in browser.get(f"/staff/mail?before={others[0].id}").text
    looks = select(AuditEntry.detail).where(AuditEntry.action == "mail.listed")
    said = session.scalars(looks.order_by(AuditEntry.id)).all()
    assert [(each["mails"], each["accounts"]) for each in said[:2]] == [
        (PAGE, []),
        (1, [patron.id]),
    ]
    assert said[0].keys() == {"mails", "accounts", "state", "kind", "by_address"}


def test_a_mail_says_in_words_why_it_did_not_go(session: Session, browser: FlaskClient) -> None:
    """Ours in the language of the page, a mail server's as it is; the state stands beside whom."""
    mail(session, "suppressed", recipient="a@example.org", last_error="refused by the reader")
    mail(session, "failed", recipient="b@example.org", last_error="550 <unknown>; then nothing")
    mail(session, recipient="c@example.org", last_error=f"{IN_DOUBT}; then 421 slow")
    found = rows(browser.get("/staff/mail").text, "Mails, newest first")
    assert [[row[0], row[1], row[-1]] for row in found[::-1]] == [
        ["a@example.org", "not wanted, or blocked", "the reader does not want such mails"],
        ["b@example.org", "failed", "550 &lt;unknown&gt;; then nothing"],
        ["c@example.org", "sent", f"{words.MAIL_WHY[IN_DOUBT]}; 421 slow"],
    ]


def test_every_reason_of_ours_has_words() -> None:
    """Whatever may stand in the way of a mail that is sent or was to be sent."""
    said = refusals.obstacle().compile().params.values()
    ours = {each for each in said if str(each).endswith("by the reader")}
    assert ours == {"refused by the reader", "paused by the reader"}
    blocked = {f"suppressed: {reason}" for reason in (*REASONS, "account deleted")}
    assert words.MAIL_WHY.keys() >= ours | blocked | {IN_DOUBT, STOPPED}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("eyes", SEEN)
def test_states_of_the_picture_can_be_told_apart(scheme: str, eyes: str) -> None:
    """[R6] By who sees all colours and by who does not, in both schemes."""
    tokens = colours(scheme)
    drawn = {state: lab(tokens[tone], eyes) for state, tone in mail_figures.TONES.items()}
    alike = {
        (one, other): round(math.dist(drawn[one], drawn[other]), 1)
        for one, other in itertools.combinations(drawn, 2)
        if math.dist(drawn[one], drawn[other]) < 10
    }
    assert alike == {}


def test_more_mails_need_no_more_queries(session: Session, browser: FlaskClient) -> None:
    """[L13]"""

    def queries() -> int:
        asked: list[str] = []

        def note(*values: Any) -> None:
            asked.append(values[2])

        event.listen(session.connection(), "before_cursor_execute", note)
        assert browser.get("/staff/mail").status_code == 200
        event.remove(session.connection(), "before_cursor_execute", note)
        return len(asked)

    mail(session, "failed")
    few = queries()
    assert few > 5
    for number in range(60):
        mail(session, "failed" if number % 2 else "pending", kind=f"kind{number}")
    assert queries() == few
