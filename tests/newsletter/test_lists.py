"""Lists of readers, in and out."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.accounts.models import AuditEntry
from membership.mail import refusals
from membership.mail.models import OutboxEmail, Suppression
from membership.newsletter import readers
from membership.newsletter.models import NewsletterReader
from membership.newsletter.readers import NEWSLETTER
from tests.newsletter.steps import confirmed

Run = Callable[..., list[str]]


@pytest.fixture
def bring_in(app: Flask, tmp_path: Path) -> Run:
    """Call with a file's content and options; gives the lines that the command printed."""

    def act(content: str | bytes, *options: str, status: int = 0) -> list[str]:
        file = tmp_path / "readers.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        command = ["newsletter", "import", str(file), *options]
        result = app.test_cli_runner().invoke(args=command)
        assert result.exit_code == status, result.output
        return result.output.splitlines()

    return act


def everybody(session: Session) -> dict[str, str]:
    session.expire_all()
    asked = select(NewsletterReader.address, NewsletterReader.language).where(
        NewsletterReader.confirmed_at.is_not(None)
    )
    return dict(session.execute(asked).all())


CONFIRMED = "--confirmed-elsewhere"


def test_ten_thousand_lines_with_wrong_ones(session: Session, bring_in: Run) -> None:
    """[M8] The valid ones are taken; each other one is named with its line and reason."""
    lines = [f"reader{number}@example.org" for number in range(1, 10_001)]
    lines[41] = "no address"
    lines[99] = "READER1@example.org"
    lines[9_998] = "reader@"
    said = bring_in("\n".join(lines), CONFIRMED)
    assert said == [
        "Line 42: no mail address",
        "Line 100: the same as line 1",
        "Line 9999: no mail address",
        "New readers: 9997. Readers before: 0. Not taken: 3.",
    ]
    count = select(func.count()).where(NewsletterReader.confirmed_at.is_not(None))
    assert session.scalar(count) == 9_997
    assert session.scalar(select(func.count()).select_from(OutboxEmail)) == 0
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "newsletter.imported"))
    assert entry.one().detail == {"readers": 9_997}


@pytest.mark.parametrize(
    "content",
    [
        "a@example.org,uk\nb@example.org,en\n",
        "\ufeffEmail;Name;Language\r\na@example.org;Olena;uk\r\n\r\nb@example.org;;\r\n",
        'language,address\nuk," a@example.org "\nen,b@example.org',
    ],
)
def test_a_header_is_optional(session: Session, bring_in: Run, content: str) -> None:
    """As spreadsheets write them: semicolons, a mark of byte order, quotes, empty lines."""
    assert bring_in(content, CONFIRMED)[-1].startswith("New readers: 2.")
    assert everybody(session) == {"a@example.org": "uk", "b@example.org": "en"}


def test_who_has_said_no_is_not_brought_back(session: Session, bring_in: Run) -> None:
    """[M4] Whoever unsubscribed here, or cannot be reached, is named and left alone."""
    confirmed(session, "gone@example.org")
    for address in ("gone@example.org", "never@example.org"):
        refusals.refuse(session, address, NEWSLETTER)
    session.add(Suppression(address="Bounced@example.org", reason="hard_bounce"))
    session.flush()
    said = bring_in("Gone@example.org\nnever@example.org\nbounced@example.org\n", CONFIRMED)
    assert said == [
        "Line 1: has unsubscribed here",
        "Line 2: has unsubscribed here",
        "Line 3: is suppressed",
        "New readers: 0. Readers before: 0. Not taken: 3.",
    ]
    assert not readers.is_subscribed(session, "gone@example.org")


def test_a_language_must_be_one_of_ours(session: Session, bring_in: Run) -> None:
    said = bring_in("a@example.org,pl\nb@example.org,\n", CONFIRMED)
    assert said[0] == "Line 1: no language of ours (en, uk)"
    assert everybody(session) == {"b@example.org": "en"}


def test_readers_of_before_stay_as_they_are(session: Session, bring_in: Run) -> None:
    """May be run again; who had only asked is confirmed by it."""
    confirmed(session, "old@example.org", "uk")
    session.add(NewsletterReader(address="asked@example.org", language="en"))
    session.flush()
    content = "old@example.org,en\nasked@example.org\n"
    assert bring_in(content, CONFIRMED)[-1].startswith("New readers: 1. Readers before: 1.")
    assert bring_in(content, CONFIRMED)[-1].startswith("New readers: 0. Readers before: 2.")
    assert everybody(session) == {"old@example.org": "uk", "asked@example.org": "en"}


def test_a_rehearsal_changes_nothing(session: Session, bring_in: Run) -> None:
    said = bring_in("a@example.org\nwrong\n", CONFIRMED, "--dry-run")
    assert said == [
        "Line 2: no mail address",
        "New readers: 1. Readers before: 0. Not taken: 1.",
        "This was a rehearsal: nothing was changed.",
    ]
    assert everybody(session) == {}
    assert session.scalars(select(AuditEntry)).all() == []


def test_nobody_is_taken_without_their_consent(session: Session, bring_in: Run) -> None:
    """[M8] A list may have been bought; nobody on it is asked by mail either."""
    said = bring_in("a@example.org\n", status=2)
    assert "--confirmed-elsewhere" in said[-1] + said[-2]
    assert session.scalars(select(NewsletterReader)).all() == []
    assert session.scalars(select(OutboxEmail)).all() == []


@pytest.mark.parametrize("content", ["a@example.org\nб@example.org".encode("cp1251"), b"\xff\xfe"])
def test_a_file_that_cannot_be_read(session: Session, bring_in: Run, content: bytes) -> None:
    said = bring_in(content, CONFIRMED, status=2)
    assert said[-1] == "Error: This file is not written in UTF-8. Nothing was changed."
    assert everybody(session) == {}


def test_what_is_taken_out_can_be_brought_in(session: Session, app: Flask, bring_in: Run) -> None:
    """[S9] Confirmed readers alone; the audit log says that they were taken out."""
    confirmed(session, "a@example.org", "uk")
    confirmed(session, "gone@example.org")
    refusals.refuse(session, "gone@example.org", NEWSLETTER)
    session.add(NewsletterReader(address="asked@example.org", language="en"))
    session.flush()
    result = app.test_cli_runner().invoke(args=["newsletter", "export"])
    assert result.output == (
        "address,language,confirmed_at\na@example.org,uk,2026-03-02 12:00:00+00:00\n"
    )
    actions = select(AuditEntry.action).where(AuditEntry.action == "newsletter.exported")
    assert session.scalars(actions).all() == ["newsletter.exported"]
    assert bring_in(result.output, CONFIRMED)[-1].startswith("New readers: 0. Readers before: 1.")
