"""Every text is translated, and nothing a reader sees stands outside the catalogue."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale, ngettext
from jinja2 import Environment
from sqlalchemy.orm import Session

from membership.mail import kinds

ROOT = Path(__file__).parent.parent
TRANSLATIONS = ROOT / "membership/translations"
# "%(name)s", "%(num)d", and "{amount}" of texts that a script completes.
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w+\}")
# What speaks to people when it stands in a tag; `content` only as a page's description.
SPOKEN = re.compile(r'(?:title|aria-label|placeholder|alt|description" content)="([^"]*)"')
MUTE = re.compile(r"<!--.*?-->|<(script|style|svg|pre)\b.*?</\1>", re.DOTALL)
# What a macro or a block gives to attributes.
KEYS = {"other", "staff"}
TEMPLATES = [
    path
    for path in sorted((ROOT / "templates").rglob("*"))
    if path.suffix in {".html", ".txt", ".xml"}
]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What stands in the sources now, as `make messages` finds it."""
    found = tmp_path_factory.mktemp("texts") / "messages.pot"
    pybabel = [sys.executable, "-m", "babel.messages.frontend", "--quiet"]
    what = ["--mapping-file", "pyproject.toml", "--output-file", str(found)]
    subprocess.run(
        [*pybabel, "extract", *what, "membership", "tasks", "templates"], cwd=ROOT, check=True
    )
    with found.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def ukrainian() -> Catalog:
    with (TRANSLATIONS / "uk/LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file, locale="uk")


def messages(catalog: Catalog) -> Iterator[Message]:
    """All but the header."""
    return (message for message in catalog if message.id)


def forms(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def placeholders(text: str) -> list[str]:
    return sorted(set(PLACEHOLDER.findall(text)))


def test_the_catalogue_has_the_texts_of_the_sources(texts: Catalog, ukrainian: Catalog) -> None:
    """Red? `make messages`, then translate what is new."""
    wanted = {forms(message.id) for message in messages(texts)}
    assert len(wanted) > 500, "the texts were not found: has extraction changed?"
    assert {forms(message.id) for message in messages(ukrainian)} == wanted


def test_every_text_is_translated(ukrainian: Catalog) -> None:
    """A plural in all of its three forms."""
    assert ukrainian.num_plurals == 3
    open_ones = [
        message.id
        for message in messages(ukrainian)
        if message.fuzzy or not all(text.strip() for text in forms(message.string))
    ]
    assert not open_ones


def test_placeholders_survive(ukrainian: Catalog) -> None:
    """A singular may leave its number out, as in English: "one topic"."""
    for message in messages(ukrainian):
        *singular, rest = forms(message.id)
        allowed = [placeholders(text) for text in (*singular, rest)]
        first, *others = forms(message.string)
        assert placeholders(first) in allowed, message.id
        assert all(placeholders(other) == placeholders(rest) for other in others), message.id


def test_translations_are_well_set(ukrainian: Catalog) -> None:
    """No blanks at the ends, no straight quotes or apostrophes; no dash begins a line."""
    for message in messages(ukrainian):
        for text in forms(message.string):
            assert text == text.strip(), message.id
            assert not set(text) & set("\"'“”"), text
            assert " —" not in text, text


def test_the_catalogue_names_no_machine_and_no_person() -> None:
    for file in TRANSLATIONS.rglob("*.po"):
        text = file.read_text()
        assert not re.search(r"^#: (?:/|.*:\d)", text, re.MULTILINE)
        assert "@" not in text.partition("#:")[0]


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_words_stand_in_a_template_unwrapped(file: Path) -> None:
    html = MUTE.sub("", "".join(literal_text(file)))
    spoken = [words for words in SPOKEN.findall(html) if re.search("[A-Za-z]", words)]
    assert not spoken
    visible = re.sub(r"<[^>]*>", " ", html)
    # Pieces of an address in a macro: `?amount=…&amp;interval=`.
    visible = re.sub(r"[?&][\w;]*=", "", visible)
    assert set(re.findall(r"[A-Za-z]{2,}[^\n]*", visible)) <= KEYS


def literal_text(file: Path) -> Iterator[str]:
    """What Jinja passes through as it stands; a "…" for each expression."""
    for _line, kind, text in Environment().lex(file.read_text()):
        if kind == "data":
            yield text
        elif kind == "variable_begin":
            yield "…"


def test_a_page_speaks_ukrainian(session: Session, client: FlaskClient) -> None:
    """Red? The catalogue is not compiled: `make translations`."""
    page = client.get("/uk/sign-in").get_data(as_text=True)
    assert '<html lang="uk">' in page
    assert "Без пароля" in page
    assert "No password" not in page


def test_kinds_of_mail_are_named_in_ukrainian(app: Flask) -> None:
    """[M8] What is not extracted, for it is marked by another name than `_l`, stays English."""
    for kind in kinds.bulk_kinds():
        for text in (kind.title, kind.note):
            with app.test_request_context("/uk/"), force_locale("uk"):
                ours = str(text)
            with app.test_request_context("/"), force_locale("en"):
                assert str(text) != ours, kind.name


@pytest.mark.parametrize(
    ("number", "said"), [(1, "Проголосував 1 "), (3, "Проголосували 3 "), (11, "Проголосувало 11 ")]
)
def test_numbers_choose_their_form(app: Flask, number: int, said: str) -> None:
    with app.test_request_context("/uk/"), force_locale("uk"):
        text = ngettext("%(num)d patron voted.", "%(num)d patrons voted.", number)
    assert text.startswith(said)
