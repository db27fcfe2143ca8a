"""What each letter says, part by part: as text, as HTML, and to whoever sees its subject."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from membership.mail import wording
from membership.staff.mail import samples
from tests.mail.every_kind import KINDS, LANGUAGES, all_letters

# There is nothing to do, or what there is stands in the newsroom's own text; patrons are not asked.
WITHOUT_BUTTON = {"address_changed", "campaign", "campaign_test", "newsletter"}
FIGURE = re.compile(r"\d[\d.,\u00a0]*\d|\d")
# What stands in contexts and must not stand in subjects.
SECRETS = ("amount", "name", "recipient_name", "sender_name", "recipient", "card_last4", "code")


@pytest.fixture(autouse=True)
def _as_ours(app: Flask, session: Session) -> None:
    wording.read_anew()


class Reader(HTMLParser):
    """What a letter's HTML part shows: its words, links, buttons and pictures."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.buttons: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.title = ""
        self._in = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found: dict[str, Any] = dict(attrs)
        self._in = tag
        if tag == "a":
            self.links.append(found["href"])
        if tag == "a" and "button" in (found.get("class") or ""):
            self.buttons.append(found["href"])
        if tag == "img":
            self.pictures.append(found)

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "title":
            self.title += data
        elif self._in != "style":
            self.words.append(data)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_text_part_alone_suffices(session: Session, kind: str, language: str) -> None:
    """[M7] Every link and every figure of the HTML part stands in it; one thing is to be done."""
    for letter in all_letters(kind, language, wording.OURS):
        seen = Reader(letter.html)
        assert set(seen.links) <= set(re.findall(r"https?://\S+", letter.text))
        assert set(FIGURE.findall(" ".join(seen.words))) <= set(FIGURE.findall(letter.text))
        assert len(seen.buttons) == 1 or (kind in WITHOUT_BUTTON and not seen.buttons), letter
        assert all(picture.get("alt") is not None for picture in seen.pictures)
        assert f'<html lang="{language}"' in letter.html
        assert seen.title == letter.subject


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_subject_tells_nobody_what_somebody_gives(
    session: Session, kind: str, language: str
) -> None:
    """[S10] No amount, no name, no digits of a card: others see who looks into an inbox."""
    for number, letter in enumerate(all_letters(kind, language, wording.OURS)):
        context = samples.of(kind, language)[number]
        secrets = [context.get(name) for name in SECRETS]
        for secret in filter(None, secrets):
            assert str(secret) not in letter.subject
        assert "€" not in letter.subject
        assert "EUR" not in letter.subject
        assert len(letter.subject) <= 120
