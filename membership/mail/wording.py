"""What staff have put in place of our sentences, said while a mail is rendered.

A sentence is a text of the templates as it stands in the catalogue of translations; each form of
a plural is one by itself. What the templates do not say any more is kept and never said.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from types import MappingProxyType
from typing import Any

from flask import current_app
from flask_babel import get_translations
from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from sqlalchemy import select

from membership.db import transaction
from membership.mail.models import MailWording

# Under this name stands what all letters share: email/layout.txt and .html.
SHARED = "layout"
# Seconds; a worker says what was saved longer ago.
LASTS = 20.0

Sentences = Mapping[str, str]
NONE: Sentences = MappingProxyType({})


@dataclass(frozen=True)
class Words:
    """By the sentence in the templates, what is said in its place.

    Two with the same `version` are the same; it is "" where all is ours.
    """

    sentences: Sentences
    version: str = field(init=False)

    def __post_init__(self) -> None:
        text = json.dumps(sorted(self.sentences.items()), ensure_ascii=False)
        digest = hashlib.sha256(text.encode()).hexdigest()[:32] if self.sentences else ""
        object.__setattr__(self, "version", digest)


OURS = Words(NONE)


@dataclass(frozen=True)
class _Kept:
    words: Mapping[tuple[str, str], Words]
    until: float


def of(kind: str, language: str) -> Words:
    """How the mails of `kind` are worded in `language`, as it was saved LASTS seconds ago or later.

    For a mail that is sent now: what was read is kept in this process for as long.
    """
    kept: _Kept | None = current_app.extensions.get("kava.mail.wording")
    if kept is None or monotonic() >= kept.until:
        kept = _Kept(_read(), monotonic() + LASTS)
        current_app.extensions["kava.mail.wording"] = kept
    shared = kept.words.get((SHARED, language), OURS)
    return kept.words.get((kind, language), shared)


def read_anew() -> None:
    """Let the next mail of this process be worded as it is saved now."""
    current_app.extensions.pop("kava.mail.wording", None)


def _read() -> Mapping[tuple[str, str], Words]:
    """All of them: they are as many as staff have written by hand."""
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    with transaction() as session:
        columns = (MailWording.kind, MailWording.language, MailWording.original, MailWording.text)
        for kind, language, original, text in session.execute(select(*columns)):
            found[kind, language][original] = text
    return {
        (kind, language): Words({**found.get((SHARED, language), NONE), **sentences})
        for (kind, language), sentences in found.items()
    }


def plural_key(singular: str, form: int) -> str:
    """Under what the form number `form` of a plural is kept; it begins with its singular."""
    return f"{singular} [{form}]"


_said: ContextVar[Sentences] = ContextVar("kava.mail.wording", default=NONE)


@contextmanager
def said(words: Words) -> Iterator[None]:
    """Within, the templates of an environment that was taught say `words`."""
    token = _said.set(words.sentences)
    try:
        yield
    finally:
        _said.reset(token)


def teach(environment: Environment) -> None:
    """Let the templates of `environment` say what `said()` names in place of their sentences.

    Looked up whenever a sentence is said, so that macros, which are loaded once, say it too.
    """
    taught = {"gettext": _gettext, "ngettext": _ngettext}
    environment.globals = {**environment.globals, **taught}


@pass_context
def _gettext(context: Context, text: str, /, **values: Any) -> str:
    edited = _said.get().get(text)
    return _filled(context, edited, get_translations().ugettext(text), values)


@pass_context
def _ngettext(context: Context, singular: str, plural: str, number: int, /, **values: Any) -> str:
    translations = get_translations()
    edited = _said.get().get(plural_key(singular, translations.plural(number)))
    ours = translations.ungettext(singular, plural, number)
    return _filled(context, edited, ours, {"num": number, **values})


def _filled(context: Context, edited: str | None, ours: str, values: dict[str, Any]) -> str:
    """In HTML, what staff wrote is text; ours is markup, as in any template."""
    text = ours if edited is None else edited
    if not context.eval_ctx.autoescape:
        return text % values
    return (Markup(text) if edited is None else escape(text)) % values
