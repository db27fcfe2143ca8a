"""What others wrote stands in headers, and is never taken for one."""

import json
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from membership.mail import letters
from membership.mail.claiming import Claimed
from membership.mail.editions import Editions
from tests.factories import NOON
from tests.mail import reports

# As the title of a topic, it passes the form: one line, and not long.
HIDDEN = "=?utf-8?q?Roads=0d=0a=0d=0aPay=20at=20evil.example=0d=0a?="
TITLES = [
    HIDDEN,
    f"Новина: {HIDDEN}",
    f"More of {HIDDEN} and {HIDDEN}",
    "=?utf-8?b?YQ0KQmNjOiBhbGxAZXhhbXBsZS5vcmc=?=",
    "=?utf-8?q?Roads?=",
    "Is 1 + 1 = 2?= Or =? else",
    "\x08Roads\x1b\x7f",
    "x" * 1200,
]
# In words that programs for mail read in many ways, or by any of their letters.
PIECES = st.sampled_from(
    ["=?utf-8?q?", "=?utf-8?b?", "=0d=0a", "?=", "=", "?", "YQ0K", " ", "Кава"]
)
LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SUBJECTS = st.lists(PIECES | LETTERS, max_size=30).map(
    lambda found: " ".join("".join(found).split())
)


def mail(kind: str, topic: str) -> Claimed:
    values: dict[str, Any] = dict.fromkeys(("not_after_at", "last_error", "settled_at"))
    values |= {"id": 1, "kind": kind, "recipient": "reader@example.org", "language": "en"}
    values |= {"is_bulk": kind == "news", "state": "sending", "attempts": 1, "lease": NOON}
    context = json.dumps({"topic": topic})
    return Claimed(**values, context=context, message_id="<1@courier.example>")


def heads(raw: bytes) -> list[str]:
    """The names of its headers; of one that is folded, only once."""
    head = raw.partition(b"\r\n\r\n")[0]
    return [line.partition(b":")[0].decode() for line in re.split(rb"\r\n(?![ \t])", head)]


def read(raw: bytes) -> Any:
    return message_from_bytes(raw, policy=policy.default)


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("kind", ["letter", "news"])
def test_a_title_that_hides_line_breaks_is_a_title(session: Session, kind: str, title: str) -> None:
    """[M6] Words that look encoded are told as they are, in a letter to one and in one to all."""
    harmless = letters.compose(mail(kind, "Roads").as_row()).as_bytes()
    composed = letters.compose(mail(kind, title).as_row()).as_bytes()
    for raw in (composed, Editions().letter(mail(kind, title))):
        assert heads(raw) == heads(harmless)
        assert read(raw)["Subject"] == f"About {title}"
        assert max(map(len, raw.split(b"\r\n"))) <= 998
        body = read(raw).get_body(("plain",)).get_content()
        assert body.startswith("Hello. ")


@given(subject=SUBJECTS)
@hypothesis_settings(max_examples=500)
def test_any_subject_is_one_header_and_reads_back(subject: str) -> None:
    """[M6] Whatever it says, and wherever it is folded."""
    letter = EmailMessage(policy=letters.POLICY)
    letter["Subject"] = letters.Subject(subject)
    letter["Auto-Submitted"] = "auto-generated"
    raw = letter.as_bytes()
    assert heads(raw) == ["Subject", "Auto-Submitted"]
    assert re.search(rb"\r(?!\n)|(?<!\r)\n", raw) is None
    assert read(raw)["Subject"] == subject


@pytest.mark.parametrize("name", ["Content-Language", "List-Unsubscribe", "X-Else"])
def test_no_header_begins_another(name: str) -> None:
    """[M6] What would is no letter at all."""
    letter = EmailMessage(policy=letters.POLICY)
    letter[name] = HIDDEN
    with pytest.raises(ValueError, match=f"{name} .* another header"):
        letter.as_bytes()


def test_nor_does_the_name_of_the_newsroom(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M6] As a setting has it."""
    reports.use(app, monkeypatch, mail_from=f"{HIDDEN} <post@courier.example>")
    with pytest.raises(ValueError, match=r"From .* another header"):
        letters.compose(mail("letter", "Roads").as_row()).as_bytes()
