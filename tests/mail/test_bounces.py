"""What a report does, whoever brings it."""

from dataclasses import replace
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from membership.accounts import accounts
from membership.db import transaction
from membership.mail import bounces, delivery, suppression
from membership.mail.bounces import Report
from membership.mail.models import Suppression
from sandbox.inbox import Inbox
from sandbox.services import free_port
from tests import factories
from tests.mail import mails, reports
from tests.mail.reports import ADDRESS, MESSAGE_ID, kept, reason, sent_mail

HARD = Report("postmark", "1", "hard_bounce", ADDRESS, MESSAGE_ID, "550 5.1.1 no such user")


def test_a_hard_bounce_suppresses_and_marks_its_mail(session: Session) -> None:
    """[M4] One is enough; the mail stays sent, and is known to have come back."""
    mail = sent_mail(session)
    assert bounces.take(session, HARD)
    found = suppression.of(session, ADDRESS)
    assert found is not None
    assert (found.reason, found.detail) == ("hard_bounce", "550 5.1.1 no such user")
    session.refresh(mail)
    assert mail.state == "sent"
    assert mail.bounced_at is not None
    assert kept(session) == [("postmark", "hard_bounce", ADDRESS)]


def test_a_complaint_suppresses(session: Session) -> None:
    """[M4] Whoever calls us spam is written to no more; the mail itself did arrive."""
    mail = sent_mail(session)
    assert bounces.take(session, replace(HARD, kind="complaint"))
    assert reason(session) == "complaint"
    session.refresh(mail)
    assert mail.bounced_at is None


def test_soft_bounces_are_written_down_and_no_more(session: Session) -> None:
    """[M4] Two of them, and the address still gets its mail."""
    sent_mail(session)
    for number in ("1", "2"):
        soft = replace(HARD, reference=number, kind="soft_bounce")
        assert bounces.take(session, soft)
    assert kept(session) == [("postmark", "soft_bounce", ADDRESS)] * 2
    assert reason(session) is None


def test_the_same_report_again_does_nothing(session: Session) -> None:
    """[M4] Also not when staff have lifted the suppression meanwhile."""
    sent_mail(session)
    assert bounces.take(session, HARD)
    assert not bounces.take(session, HARD)
    assert suppression.lift(session, ADDRESS)
    assert not bounces.take(session, HARD)
    assert reason(session) is None
    assert len(kept(session)) == 1


def test_who_never_got_a_mail_of_ours_is_not_suppressed(session: Session) -> None:
    """[M4][S10] Nor written down: another product of the newsroom may share its mail provider."""
    sent_mail(session, recipient="someone@example.org", message_id="<2@courier.example>")
    sent_mail(session, subject="test:2", state="pending", attempts=0, message_id=None)
    assert not bounces.take(session, HARD)
    assert reason(session) is None
    assert kept(session) == []


def test_without_its_message_id_a_mail_is_found_by_the_address(session: Session) -> None:
    """[M4] Capital letters do not matter."""
    mail = sent_mail(session)
    unnamed = replace(HARD, message_id=None, address="Reader1@Example.ORG")
    assert bounces.take(session, unnamed)
    assert reason(session) == "hard_bounce"
    session.refresh(mail)
    assert mail.bounced_at is None, "which of its mails came back is not known"


def test_a_mail_that_was_passed_on_suppresses_the_address_that_we_know(session: Session) -> None:
    """[M4] Where a reader has mail forwarded to is not whom we write to."""
    sent_mail(session)
    assert bounces.take(session, replace(HARD, address="hidden@elsewhere.example"))
    assert reason(session) == "hard_bounce"
    assert reason(session, "hidden@elsewhere.example") is None


def test_what_is_said_of_a_deleted_account_is_not_kept(session: Session) -> None:
    """[S11][M4] A late report would bring back the address that we have forgotten."""
    gone = "deleted-7@deleted.invalid"
    mail = sent_mail(session, recipient=gone)
    factories.add(session, Suppression(address=gone, reason="account deleted"))
    assert not bounces.take(session, HARD)
    assert kept(session) == []
    assert reason(session) is None
    session.refresh(mail)
    assert mail.bounced_at is None


def test_an_empty_message_id_names_no_mail(session: Session) -> None:
    """[L5] A null reference changes no row."""
    mail = sent_mail(session, message_id=None)
    for nothing in ("", "<>", " ", None):
        stranger = replace(HARD, message_id=nothing, address="stranger@example.org")
        assert not bounces.take(session, stranger)
    session.refresh(mail)
    assert mail.bounced_at is None


def test_what_nobody_signed_must_name_a_mail_of_ours(session: Session) -> None:
    """[M4][S3] Anybody may write to the mailbox: an address alone must not cut its owner off."""
    sent_mail(session)
    forged = replace(HARD, provider="mailbox", message_id=None)
    assert bounces.take(session, forged)
    assert kept(session) == [("mailbox", "hard_bounce", ADDRESS)]
    assert reason(session) is None
    assert bounces.take(session, replace(forged, reference="2", message_id=MESSAGE_ID))
    assert reason(session) == "hard_bounce"


def test_what_the_database_cannot_hold_is_left_out(session: Session) -> None:
    sent_mail(session)
    odd = replace(HARD, reference="\0" + "7" * 5000, detail="no\0 " + "x" * 5000)
    assert bounces.take(session, odd)
    assert not bounces.take(session, odd)
    found = suppression.of(session, ADDRESS)
    assert found is not None
    assert found.detail.startswith("no xxx")
    assert len(found.detail) == bounces.LONGEST_DETAIL


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("5.1.1", "hard_bounce"),
        ("5.1.10", "hard_bounce"),
        ("5.0.0", "hard_bounce"),
        ("5.2.1", "hard_bounce"),
        ("5.4.1", "hard_bounce"),
        ("5.2.2", "soft_bounce"),  # the mailbox is full
        ("5.3.4", "soft_bounce"),  # too large
        ("5.6.1", "soft_bounce"),  # its contents
        ("5.7.1", "soft_bounce"),  # they do not want mail from us: every reader there would go
        ("4.4.7", "soft_bounce"),
        ("4.2.2", "soft_bounce"),
        ("", "soft_bounce"),
        ("550", "soft_bounce"),
    ],
)
def test_only_what_is_wrong_with_the_address_bounces_hard(status: str, kind: str) -> None:
    """[M4] RFC 3463: for good, and about the address rather than the letter or us."""
    assert bounces.bounce_of(status) == kind


def test_nothing_goes_to_a_suppressed_address(
    app: Flask, committed: Engine, inbox: Inbox, client: FlaskClient
) -> None:
    """[M4] Looked at when sending: what was written before is not sent either, sign-in or not."""
    mails.put(1)
    mails.put(1, "news")
    with transaction() as session:
        suppression.suppress(session, "READER1@example.org", "staff", "asked by telephone")
    delivery.deliver_due()
    assert mails.states() == ["suppressed", "suppressed"]
    assert inbox.messages() == []
    with transaction() as session:
        assert suppression.lift(session, ADDRESS)
        assert not suppression.lift(session, ADDRESS)
    mails.put(1, subject="test:3")
    delivery.deliver_due()
    assert mails.states()[-1] == "sent"


def test_signing_in_answers_a_suppressed_address_as_any_other(
    app: Flask, committed: Engine, inbox: Inbox, client: FlaskClient
) -> None:
    """[S3] The page tells nobody whose mail bounces; the mail is written and does not leave."""
    with transaction() as session:
        for name in ("known", "suppressed"):
            accounts.ensure(session, f"{name}@example.org", "en")
        suppression.suppress(session, "suppressed@example.org", "hard_bounce")
    answers = {}
    for name in ("known", "suppressed", "unknown"):
        answer = client.post("/sign-in", data={"email": f"{name}@example.org"})
        answers[name] = (answer.status_code, answer.text.replace(name, ""))
    assert answers["suppressed"] == answers["known"] == answers["unknown"]
    delivery.deliver_due()
    assert {row.recipient: row.state for row in mails.rows()} == {
        "known@example.org": "sent",
        "suppressed@example.org": "suppressed",
        "unknown@example.org": "sent",
    }


def test_suppressing_twice_keeps_the_first_reason(session: Session) -> None:
    assert suppression.suppress(session, ADDRESS, "complaint", "spam")
    assert not suppression.suppress(session, ADDRESS, "staff", "again")
    assert reason(session) == "complaint"
    with pytest.raises(ValueError, match="no reason"):
        suppression.suppress(session, ADDRESS, "whim")


def test_what_stands_for_a_deleted_account_is_not_let_back(session: Session) -> None:
    gone = "deleted-7@deleted.invalid"
    factories.add(session, Suppression(address=gone, reason="account deleted"))
    assert not suppression.lift(session, gone)


@pytest.mark.parametrize("kind", ["letter", "news"])
def test_a_bounce_may_be_faster_than_our_own_commit(
    app: Flask, committed: Engine, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """[M4][M2] The row still says `sending`; its later `sent` undoes nothing."""
    seen: list[tuple[str, int]] = []

    def report(letter: EmailMessage) -> None:
        with app.app_context():
            (row,) = mails.rows()
            hook = app.test_client(use_cookies=False)
            body = reports.postmark_bounce(letter)
            answer = hook.post("/webhooks/mail/postmark", json=body, auth=("kava", "secret"))
            seen.append((row.state, answer.status_code))

    server = Controller(reports.Impatient(report), hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        url = f"smtp://127.0.0.1:{server.port}"
        reports.use(app, monkeypatch, smtp_url=url, postmark_webhook_login="kava:secret")
        mails.put(1, kind)
        delivery.deliver_due()
    finally:
        server.stop()
    assert seen == [("sending", 200)]
    (row,) = mails.rows()
    assert row.state == "sent"
    assert row.sent_at is not None
    assert row.bounced_at is not None
    with transaction() as session:
        assert reason(session) == "hard_bounce"
