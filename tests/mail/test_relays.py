"""What a mail server says of a recipient, of us, and how it goes away."""

from collections.abc import Iterator
from threading import Timer

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from membership.mail import delivery, smtp
from membership.mail.line import LINE, MOST_REFUSALS
from membership.mail.models import Suppression
from tests.mail import mails, relay
from tests.mail.relay import OK, Relay

NOBODY = "550 5.1.1 No such user"
DEAD = "reader2@example.org"


@pytest.fixture
def server(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """The mail server that the application speaks to; there is nobody at DEAD."""
    with relay.running(lambda address: NOBODY if address == DEAD else OK) as running:
        known = settings.model_copy(update={"smtp_url": running.url})
        monkeypatch.setitem(app.extensions, "kava.settings", known)
        yield running
        LINE.hang_up()


def suppressed(session: Session) -> list[str]:
    return list(session.scalars(select(Suppression.address)))


@pytest.mark.parametrize("hangs_up", [False, True])
def test_a_refusal_costs_one_mail(session: Session, server: Relay, hangs_up: bool) -> None:
    """[M2] [L7] Also where the server hangs up after it: the others leave in the same run."""
    server.hangs_up = hangs_up
    for number in range(1, 5):
        mails.put(number)
    assert delivery.deliver_due() == {"sent": 3, "failed": 1}
    assert mails.states() == ["sent", "failed", "sent", "sent"]
    assert mails.rows()[1].last_error == NOBODY


@pytest.mark.parametrize(
    "said", ["554 5.7.1 Relay access denied", "554 No", "450 4.7.1 Not today", NOBODY]
)
def test_a_relay_that_refuses_us_costs_no_mails(session: Session, server: Relay, said: str) -> None:
    """[M5] A few in a row are believed; then it is left alone, and tried with one mail a pause."""
    server.answer = lambda _address: said
    for number in range(3 * MOST_REFUSALS):
        mails.put(number)
    delivery.deliver_due()
    first = [row.attempts for row in mails.rows()]
    assert first == [1] * MOST_REFUSALS + [0] * 2 * MOST_REFUSALS
    mails.let_server_return()
    delivery.deliver_due()
    assert sum(row.attempts for row in mails.rows()) == MOST_REFUSALS + 1
    lost = mails.states().count("failed")
    assert lost == (MOST_REFUSALS - 1 if said in {NOBODY, "554 No"} else 0)
    assert suppressed(session) == [], "it took nothing, so it is not believed"
    server.answer = lambda _address: OK
    mails.let_time_pass()
    assert delivery.deliver_due() == {"sent": 3 * MOST_REFUSALS - lost}


def test_a_slow_answer_is_waited_for(
    session: Session, server: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M2] After the mail itself, longer than for anything else: it is taken, and sent once."""
    monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 2.0)
    assert smtp.ANSWER_SECONDS >= 60
    server.goes_on.clear()
    later = Timer(2.5, server.goes_on.set)
    later.start()
    mails.put()
    assert delivery.deliver_due() == {"sent": 1}
    later.join()
    assert server.taken == ["reader1@example.org"]


@pytest.mark.parametrize("code", [530, 535, 538])
def test_a_server_that_wants_a_password_is_left_alone(
    session: Session, server: Relay, code: int
) -> None:
    """[M5]"""
    server.answer = lambda _address: f"{code} 5.7.0 Authentication required"
    mails.put(1)
    mails.put(2)
    assert delivery.deliver_due() == {"pending": 1}
    assert [row.attempts for row in mails.rows()] == [1, 0]


def test_addresses_that_are_none_do_not_count(session: Session, server: Relay) -> None:
    """[L7] No server has refused them: a bad import pauses nothing."""
    for number in range(2 * MOST_REFUSALS):
        mails.put(number, recipient=f"a b{number}@example.org")
    mails.put(100)
    assert delivery.deliver_due() == {"failed": 2 * MOST_REFUSALS, "sent": 1}


def test_who_does_not_exist_is_not_written_to_again(session: Session, server: Relay) -> None:
    """[M4] Said by a server that had just taken another mail; a policy says nothing of them."""
    answers = {
        DEAD: NOBODY,
        "reader4@example.org": "550 5.7.1 Blocked",
        "reader6@example.org": "550",
    }
    server.answer = lambda address: answers.get(address, OK)
    for number in range(1, 7):
        mails.put(number)
    delivery.deliver_due()
    assert mails.states() == ["sent", "failed", "sent", "pending", "sent", "failed"]
    assert suppressed(session) == [DEAD]
    mails.put(2, subject="test:later")
    assert delivery.deliver_due() == {"suppressed": 1}


def test_no_log_names_a_reader(
    session: Session, server: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    """[S10] The server's words do; its code and status are kept, the row alone has the rest."""
    server.answer = lambda address: f"421 4.7.28 <{address}>: too many mails"
    mails.put(1, recipient="reader1@[example")
    mails.put(2)
    assert delivery.deliver_due() == {"failed": 1, "pending": 1}
    assert "421 4.7.28" in caplog.text
    assert "mail_not_composed" in caplog.text
    assert "reader" not in caplog.text
    assert "reader2@example.org" in (mails.rows()[1].last_error or "")
