"""The mail as it leaves the house."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy.orm import Session

from membership.mail import letters
from membership.mail.models import OutboxEmail
from tests.factories import NOON, add

CYRILLIC = "Чому міст через річку закрито вже третій рік, і хто за це відповідає перед людьми"


def compose(session: Session, kind: str = "letter", **values: Any) -> EmailMessage:
    defaults = {
        "kind": kind,
        "recipient": "reader@example.org",
        "subject": "test:1",
        "language": "en",
        "context": {"topic": "Bridges"},
        "message_id": "<1@courier.example>",
    }
    return letters.compose(add(session, OutboxEmail(**(defaults | values))))


def part(letter: EmailMessage, kind: str) -> str:
    body = letter.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_the_text_stands_first_and_says_all(session: Session) -> None:
    """[M7] Text, then HTML, inlined, with its language; nothing that tells who opened it."""
    letter = compose(session)
    kinds_of_parts = [part.get_content_type() for part in letter.iter_parts()]
    assert kinds_of_parts == ["text/plain", "text/html"]
    assert "Hello. Bridges\n" in part(letter, "plain")
    assert "\n\n\n" not in part(letter, "plain")
    assert part(letter, "plain").startswith("Hello.")
    html = part(letter, "html")
    assert '<html lang="en">' in html
    assert re.search(r'<a class="button"[^>]* style="[^"]*background: ?#b23f14', html)
    assert "prefers-color-scheme: dark" in html
    assert "<img" not in html
    assert "url(" not in html
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["From"] == "The Courier <post@courier.example>"


def test_bulk_mail_says_how_to_leave_in_one_click(session: Session, app: Flask) -> None:
    """[M6] Raw bytes: one line, not encoded, however long; both parts carry the link."""
    letter = compose(session, "news", language="uk", context={"topic": CYRILLIC})
    head = letter.as_bytes().split(b"\r\n\r\n")[0]
    (line,) = re.findall(rb"^List-Unsubscribe: <(.*)>\r$", head, re.MULTILINE)
    assert line.startswith(b"http://localhost/uk/unsubscribe/")
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in head
    for kind in ("plain", "html"):
        assert line.decode() in part(letter, kind)


def test_a_list_header_is_never_folded() -> None:
    """[M6] A long address stays whole."""
    letter = EmailMessage(policy=letters.POLICY)
    letter["List-Unsubscribe"] = f"<https://courier.example/unsubscribe/{'a' * 300}>"
    assert f"unsubscribe/{'a' * 300}>\r\n".encode() in letter.as_bytes()


def test_what_must_arrive_offers_no_leaving(session: Session) -> None:
    """[M4] Nobody unsubscribes from sign-in mails and receipts."""
    letter = compose(session, "letter")
    assert not [name for name in letter if name.startswith("List-")]
    assert "unsubscribe" not in letter.as_string().lower()


def test_a_long_subject_is_encoded_as_others_can_read_it(session: Session) -> None:
    """No encoded word is longer than the 75 characters of RFC 2047; it reads back whole."""
    letter = compose(session, context={"topic": CYRILLIC})
    words = re.findall(rb"=\?utf-8\?[^?]*\?[^?]*\?=", letter.as_bytes().split(b"\r\n\r\n")[0])
    assert len(words) > 1
    assert max(map(len, words)) <= 75
    assert letter["Subject"] == f"About {CYRILLIC}"


def test_no_space_of_a_long_subject_is_lost(session: Session) -> None:
    """Wherever its lines break: between words, and before and after what needs no encoding."""
    title = "Хто відремонтує міст 🌉 у Kyiv – і чому так довго? Новини the EU, 2026"
    for start in range(len(title)):
        topic = " ".join(f"{title[start:]} {title} {title}".split())
        sent = compose(session, subject=f"test:{start}", context={"topic": topic}).as_bytes()
        read = message_from_bytes(sent, policy=policy.default)
        assert read["Subject"] == f"About {topic}"


def test_no_line_of_a_mail_is_too_long_for_smtp(session: Session) -> None:
    letter = compose(session, context={"topic": "слово " * 500})
    assert max(map(len, letter.as_bytes().split(b"\r\n"))) <= 998
    assert letter.as_bytes().isascii()


def test_a_line_break_in_a_subject_begins_no_header(session: Session) -> None:
    letter = compose(session, context={"topic": "Bridges\r\nBcc: all@example.org\n\nand more"})
    assert letter["Bcc"] is None
    assert letter["Subject"] == "About Bridges Bcc: all@example.org and more"


@pytest.mark.parametrize(
    "recipient",
    [
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org, b@example.org",
        "Name <a@example.org>",
        "a@example.org>\n",
    ],
)
def test_a_recipient_is_one_address_and_nothing_else(session: Session, recipient: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        compose(session, recipient=recipient)


def test_what_a_reader_wrote_is_text_in_the_html_part(session: Session) -> None:
    letter = compose(session, context={"topic": "<script>alert(1)</script> & more"})
    assert "<script>" not in part(letter, "html")
    assert "<script>alert(1)</script> & more" in part(letter, "plain")


def test_money_and_dates_are_written_in_the_language_of_the_reader(
    session: Session, app: Flask
) -> None:
    """Outside of any request, and whatever the language of the page."""
    template = app.jinja_env.from_string("{{ minor | money('EUR') }}, {{ at | date }}")
    seen = {}
    for language in ("en", "uk"):
        with force_locale(language):
            seen[language] = template.render(minor=450, at=NOON)
    assert seen == {"en": "€4.50, 2 March 2026", "uk": "4,50\xa0€, 2 березня 2026"}
