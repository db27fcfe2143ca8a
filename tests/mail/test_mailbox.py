"""Reports of mail servers that came by mail, and the command that takes them."""

import mailbox as boxes
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy.orm import Session

from membership.mail.mailbox import reports_of
from tests.mail.reports import ADDRESS, MESSAGE_ID, PAYLOADS, kept, reason, sent_mail

BOUNCE = (PAYLOADS / "bounce.eml").read_bytes()
COMPLAINT = (PAYLOADS / "complaint.eml").read_bytes()


def run(app: Flask, *arguments: str, given: bytes = b"") -> Result:
    return app.test_cli_runner().invoke(args=["mail", "bounces", *arguments], input=given)


def test_a_failure_for_good_is_a_hard_bounce() -> None:
    """[M4] RFC 3464: who, why, and the Message-ID of our mail that came back."""
    (report,) = reports_of(BOUNCE)
    assert (report.kind, report.address, report.message_id) == ("hard_bounce", ADDRESS, MESSAGE_ID)
    assert report.detail.startswith("smtp; 550 5.1.1 <reader1@example.org>: Recipient address rej")
    assert report.reference == f"<20261105150001.4F1A2B3C4D@mx.courier.example> {ADDRESS}"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({b"Action: failed": b"Action: delayed", b"5.1.1\n": b"4.4.1\n"}, "soft_bounce"),
        ({b"Status: 5.1.1": b"Status: 4.4.7"}, "soft_bounce"),
        ({b"Status: 5.1.1": b"Status: 5.1.1 (no such user)"}, "hard_bounce"),
        ({b"Status: 5.1.1": b"Status: 5.7.1"}, "soft_bounce"),
        ({b"Status: 5.1.1\n": b""}, "soft_bounce"),
        ({b"Action: failed": b"ACTION:   FAILED"}, "hard_bounce"),
        ({b"Action: failed": b"Action: delivered"}, None),
        ({b"Action: failed": b"Action: relayed"}, None),
        ({b"Action: failed\n": b""}, None),
    ],
)
def test_what_each_delivery_status_means(changes: dict[bytes, bytes], kind: str | None) -> None:
    """[M4] 5.x.x given up: hard, if the address is wrong. Delayed, or 4.x.x: soft."""
    raw = BOUNCE
    for old, new in changes.items():
        assert old in raw
        raw = raw.replace(old, new)
    assert [report.kind for report in reports_of(raw)] == ([kind] if kind else [])


def test_a_complaint_is_one() -> None:
    """[M4] RFC 5965; its address is often hidden, its Message-ID is not."""
    (report,) = reports_of(COMPLAINT)
    assert (report.kind, report.address) == ("complaint", "redacted@example.org")
    assert (report.message_id, report.detail) == (MESSAGE_ID, "abuse")
    for said in (b"not-spam", b"auth-failure"):
        assert reports_of(COMPLAINT.replace(b"Type: abuse", b"Type: " + said)) == []


def test_what_is_no_report_says_nothing() -> None:
    """An answer from a reader's holiday, an empty file, a letter that shows a report to us."""
    holiday = b"From: anna@example.org\nAuto-Submitted: auto-replied\n\nI am away.\n"
    shown = b'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: message/rfc822\n\n'
    for raw in (b"", b"\n", holiday, shown + BOUNCE + b"\n--b--\n", BOUNCE[:300], b"\xff" * 1000):
        assert reports_of(raw) == []


def test_a_report_without_a_name_has_its_own_words_for_one() -> None:
    """[M4] So that it, too, is taken once."""
    nameless = BOUNCE.replace(b"Message-Id: <20261105150001", b"X-Id: <20261105150001")
    (report,) = reports_of(nameless)
    assert len(report.reference.split()[0]) == 64
    assert reports_of(nameless) == reports_of(nameless)


def test_words_in_other_letters_are_read_as_far_as_they_go() -> None:
    raw = BOUNCE.replace(b"Diagnostic-Code: smtp; 550", "Diagnostic-Code: немає".encode())
    (report,) = reports_of(raw)
    assert (report.kind, report.message_id) == ("hard_bounce", MESSAGE_ID)


def test_one_message_on_standard_input(app: Flask, session: Session) -> None:
    """[M4] As a mail server's pipe gives it."""
    mail = sent_mail(session)
    result = run(app, "-", given=BOUNCE)
    assert result.exit_code == 0, result.output
    assert result.output == (
        "Messages read: 1, reports in them: 1.\n"
        "New: hard bounces 1, soft bounces 0, complaints 0.\n"
        "Known before, or not about us: 0.\n"
    )
    assert kept(session) == [("mailbox", "hard_bounce", ADDRESS)]
    assert reason(session) == "hard_bounce"
    session.refresh(mail)
    assert mail.bounced_at is not None


def test_a_maildir_may_be_read_again(app: Flask, session: Session, tmp_path: Path) -> None:
    """[M4] What is known does nothing; nothing is moved; what is no report is passed over."""
    sent_mail(session)
    box = boxes.Maildir(tmp_path / "bounces")
    for raw in (BOUNCE, COMPLAINT, b"From: anna@example.org\n\nHello.\n"):
        box.add(raw)
    before = sorted(path.name for path in (tmp_path / "bounces").rglob("*"))
    first = run(app, str(tmp_path / "bounces"))
    assert "Messages read: 3, reports in them: 2.\n" in first.output
    assert "New: hard bounces 1, soft bounces 0, complaints 1.\n" in first.output
    again = run(app, str(tmp_path / "bounces"))
    assert "New: hard bounces 0, soft bounces 0, complaints 0.\n" in again.output
    assert "Known before, or not about us: 2.\n" in again.output
    assert sorted(path.name for path in (tmp_path / "bounces").rglob("*")) == before
    assert len(kept(session)) == 2


def test_what_cannot_be_read_stops_nothing(app: Flask, session: Session, tmp_path: Path) -> None:
    """[M4][L7] Anybody may write there: a message of a thousand nested parts, too."""
    sent_mail(session)
    nested = "".join(
        f'Content-Type: multipart/report; boundary="b{depth}"\n\n--b{depth}\n'
        for depth in range(5_000)
    )
    box = boxes.mbox(tmp_path / "box")
    for raw in (nested.encode(), BOUNCE):
        box.add(raw)
    box.close()
    found = run(app, str(tmp_path / "box"))
    assert found.exit_code == 0
    assert "Messages read: 2, reports in them: 1.\n" in found.output
    assert "Unreadable, and passed over: 1.\n" in found.output
    assert reason(session) == "hard_bounce"


def test_an_mbox_and_a_file_with_one_message(app: Flask, session: Session, tmp_path: Path) -> None:
    """[M4]"""
    sent_mail(session)
    box = boxes.mbox(tmp_path / "box")
    for raw in (COMPLAINT, BOUNCE):
        box.add(raw)
    box.close()
    (tmp_path / "one.eml").write_bytes(BOUNCE)
    assert "Messages read: 2, reports in them: 2.\n" in run(app, str(tmp_path / "box")).output
    assert reason(session) == "complaint"
    result = run(app, str(tmp_path / "one.eml"))
    assert "Known before, or not about us: 1.\n" in result.output


def test_a_stranger_and_a_forger_suppress_nobody(app: Flask, session: Session) -> None:
    """[M4] Anybody may write to the mailbox: a report must name a mail that we have sent."""
    sent_mail(session)
    stranger = BOUNCE.replace(b"reader1@", b"stranger@").replace(b"<1@courier", b"<7@courier")
    assert "not about us: 1.\n" in run(app, "-", given=stranger).output
    forged = BOUNCE.replace(b"Message-ID: <1@courier.example>\n", b"")
    assert "New: hard bounces 1" in run(app, "-", given=forged).output
    assert reason(session) is None
    assert reason(session, "stranger@example.org") is None
    assert kept(session) == [("mailbox", "hard_bounce", ADDRESS)]


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_nothing_to_read_is_said_in_a_sentence(app: Flask, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    result = run(app, str(tmp_path / name))
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    assert result.output.startswith("Error: ")
