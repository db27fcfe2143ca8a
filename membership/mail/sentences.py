"""The sentences of each kind of mail, as its templates have them now."""

from collections.abc import Iterator
from dataclasses import dataclass

from babel.messages.plurals import get_plural
from flask import current_app
from flask_babel import force_locale, get_translations
from jinja2 import Environment, meta
from jinja2.ext import extract_from_ast

from membership.mail.placeholders import in_text
from membership.mail.wording import SHARED, plural_key

SINGULAR_FUNCTIONS = ("_", "gettext")
PLURAL_FUNCTIONS = ("ngettext",)
PARTS = {"subject.txt": "subject", "body.txt": "text", "body.html": "html"}
SHARED_PARTS = {"layout.txt": "text", "layout.html": "html"}
# A language may have a form for numbers like 100 alone.
NUMBERS = range(1, 201)


@dataclass(frozen=True)
class Said:
    """One text of the templates: a sentence, or a plural in its two English forms.

    `parts`: where it is said, of "subject", "text" and "html".
    """

    singular: str
    plural: str | None
    parts: frozenset[str]


@dataclass(frozen=True)
class Sentence:
    """A sentence in one language; of a plural, the form that `number` takes.

    `key` is its name in mail_wording, `ours` our own text, with its placeholders, of which an
    edited text must have those in `must` and may have those in `may`.
    """

    key: str
    ours: str
    parts: frozenset[str]
    may: frozenset[str]
    number: int | None = None

    @property
    def must(self) -> frozenset[str]:
        return in_text(self.ours)

    @property
    def in_subject(self) -> bool:
        return "subject" in self.parts


def of(kind: str, language: str) -> list[Sentence]:
    """The sentences of `kind`, or of what all letters share (wording.SHARED), in reading order."""
    with force_locale(language):
        return [
            each for said in _said(current_app.jinja_env, kind) for each in _forms(said, language)
        ]


def _said(environment: Environment, kind: str) -> list[Said]:
    folder, files = ("", SHARED_PARTS) if kind == SHARED else (f"{kind}/", PARTS)
    parts: dict[tuple[str, str | None], set[str]] = {}
    for file, part in files.items():
        for texts in _in_template(environment, f"email/{folder}{file}", set()):
            parts.setdefault(texts, set()).add(part)
    return [Said(*texts, frozenset(found)) for texts, found in parts.items()]


def _in_template(
    environment: Environment, name: str, seen: set[str]
) -> Iterator[tuple[str, str | None]]:
    """Singular and plural of each text in a template and in the files of words it imports."""
    seen.add(name)
    assert environment.loader is not None
    tree = environment.parse(environment.loader.get_source(environment, name)[0], name)
    for _line, function, texts in extract_from_ast(tree, babel_style=False):
        # Not in Babel's style: a tuple of the texts alone.
        singular, *plural = map(str, texts or ())
        if function in PLURAL_FUNCTIONS:
            yield singular, plural[0]
        elif function in SINGULAR_FUNCTIONS:
            yield singular, None
    for other in meta.find_referenced_templates(tree):
        # What stands in no folder of a kind is shared by all.
        if other and other.count("/") == 2 and other not in seen:
            yield from _in_template(environment, other, seen)


def _forms(said: Said, language: str) -> Iterator[Sentence]:
    """A sentence is one; a plural has as many forms as the language."""
    translations = get_translations()
    if said.plural is None:
        ours = translations.ugettext(said.singular)
        yield Sentence(said.singular, ours, said.parts, in_text(said.singular))
        return
    may = in_text(said.singular) | in_text(said.plural)
    for form in range(get_plural(language).num_plurals):
        number = next((each for each in NUMBERS if translations.plural(each) == form), None)
        if number is not None:
            ours = translations.ungettext(said.singular, said.plural, number)
            key = plural_key(said.singular, form)
            yield Sentence(key, ours, said.parts, may, number)
