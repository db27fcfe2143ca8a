"""Every letter, looked at: wide and narrow, light and dark, in both languages.

The pictures are kept where LETTER_PICTURES names a folder.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from markupsafe import Markup
from playwright.sync_api import Browser, Page
from sqlalchemy.orm import Session

from membership.mail import letters, wording
from tests.browser.looking import is_accessible
from tests.mail.every_kind import KINDS, LANGUAGES, LINK, all_letters

WIDTHS = {"wide": 700, "narrow": 360}
SCHEMES = ("light", "dark")
LOOKED_AT_CLOSELY = {("wide", "light"), ("narrow", "dark")}
# Of a page, not of a letter: a mail program has landmarks and a heading of its own.
RULES = {
    rule: {"enabled": False} for rule in ("region", "landmark-one-main", "page-has-heading-one")
}
PICTURES = os.environ.get("LETTER_PICTURES", "")


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Page]:
    """It reaches nothing: a letter needs nothing."""
    context = browser.new_context(offline=True)
    yield context.new_page()
    context.close()


@pytest.fixture(autouse=True)
def _as_ours(app: Flask, session: Session) -> None:
    wording.read_anew()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_letter_looks_finished(window: Page, kind: str, language: str) -> None:
    """[M7] Nothing is cut off or asked for, and axe finds nothing, wherever it is read."""
    asked_for: list[str] = []
    window.on("request", lambda request: asked_for.append(request.url))
    for case, letter in enumerate(all_letters(kind, language, wording.OURS)):
        window.set_content(letter.html)
        for (size, width), scheme in itertools.product(WIDTHS.items(), SCHEMES):
            window.set_viewport_size({"width": width, "height": 900})
            window.emulate_media(color_scheme=scheme)
            assert width_of(window) <= width
            # The others of a kind differ in their words alone.
            if case == 0 and (size, scheme) in LOOKED_AT_CLOSELY:
                is_accessible(window, rules=RULES)
            if PICTURES:
                name = f"{kind}-{language}-{case}-{size}-{scheme}.png"
                window.screenshot(path=Path(PICTURES) / name, full_page=True)
    assert not [url for url in asked_for if not url.startswith(("about:", "data:"))]


@pytest.mark.parametrize(
    "wide",
    ["x" * 400, f"<p>{'y' * 400}</p>", f"<pre>{'z ' * 400}</pre>", f"<code>{'z' * 400}</code>"],
)
def test_no_word_makes_a_letter_wider(window: Page, wide: str) -> None:
    """[M7] A long word, an address, or code, in whatever a newsroom writes."""
    assert width_of(narrow(window, a_letter_with(wide))) <= WIDTHS["narrow"]


def test_no_fact_makes_a_letter_wider(window: Page) -> None:
    """[M7] A name of a story, of a card, of a plan."""
    receipt = all_letters("receipt", "en", wording.OURS)[0].html
    assert "Amount" in receipt
    wide = narrow(window, receipt.replace("Amount", "x" * 400))
    assert width_of(wide) <= WIDTHS["narrow"]


def test_a_letter_that_is_too_wide_would_be_noticed(window: Page) -> None:
    """The tests above can fail."""
    stubborn = f'<p style="white-space: nowrap">{"x " * 400}</p>'
    assert width_of(narrow(window, a_letter_with(stubborn))) > WIDTHS["narrow"]


def a_letter_with(html: str) -> str:
    """A campaign's letter of these words."""
    said = {"line": "We have moved", "text": "We have moved.", "html": Markup(html)}
    return letters.written("campaign", said, "en", wording.OURS, LINK).html


def narrow(window: Page, letter: str) -> Page:
    window.set_viewport_size({"width": WIDTHS["narrow"], "height": 900})
    window.set_content(letter)
    return window


def width_of(window: Page) -> int:
    width: int = window.evaluate("document.documentElement.scrollWidth")
    return width
