"""One kind's sentences in one language, with what staff have put in their place.

What is typed is checked as a whole; what cannot be said stays in its field with the reason.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from membership.mail import placeholders, sentences
from membership.mail.models import MailWording
from membership.mail.sentences import Sentence

PARTS: Mapping[frozenset[str], Any] = {
    frozenset({"text"}): _l("Text part alone"),
    frozenset({"html"}): _l("HTML part alone"),
}


@dataclass(frozen=True)
class Line:
    """A sentence with its field: what stands in it, what is saved, and what is wrong with it."""

    sentence: Sentence
    saved: MailWording | None
    text: str
    problem: str | None = None

    @property
    def field(self) -> str:
        return field_of(self.sentence.key)

    @property
    def wanted(self) -> str | None:
        """What is to be said in its place; None for ours, which an empty field means too."""
        return None if self.text in ("", self.sentence.ours) else self.text

    @property
    def where(self) -> Any:
        """In which part of the letter it stands, if not in both."""
        if self.sentence.in_subject:
            return _("Subject line")
        return PARTS.get(self.sentence.parts, "")

    @property
    def named(self) -> list[str]:
        """The placeholders that must stay."""
        return sorted(self.sentence.must)


@dataclass(frozen=True)
class Page:
    """`lost`: what was put in place of sentences that the templates do not have any more.

    `forgotten` are those of them that are to go.
    """

    lines: list[Line]
    lost: list[MailWording]
    forgotten: list[MailWording]

    @property
    def is_sound(self) -> bool:
        return not any(line.problem for line in self.lines)

    def wanted(self) -> dict[str, str | None]:
        """What each sentence is to be; None for ours."""
        gone = {row.original: None for row in self.forgotten}
        return {**gone, **{line.sentence.key: line.wanted for line in self.lines}}

    def said(self) -> dict[str, str]:
        """What would be said in place of ours."""
        return {key: text for key, text in self.wanted().items() if text is not None}


def field_of(key: str) -> str:
    """The name of the field for the sentence called `key`."""
    return "s" + hashlib.sha256(key.encode()).hexdigest()[:16]


def shown(kind: str, language: str, saved: Mapping[str, MailWording]) -> Page:
    """As it is saved."""
    return _page(kind, language, saved, None)


def typed(
    kind: str, language: str, saved: Mapping[str, MailWording], form: MultiDict[str, str]
) -> Page:
    """As it was typed; what `form` does not name stays as it is saved."""
    return _page(kind, language, saved, form)


def _page(
    kind: str,
    language: str,
    saved: Mapping[str, MailWording],
    form: MultiDict[str, str] | None,
) -> Page:
    found = sentences.of(kind, language)
    lines = [_line(each, saved.get(each.key), form) for each in found]
    known = {each.key for each in found}
    lost = [row for original, row in saved.items() if original not in known]
    ours = form.getlist("ours") if form else []
    return Page(lines, lost, [row for row in lost if field_of(row.original) in ours])


def _line(sentence: Sentence, saved: MailWording | None, form: MultiDict[str, str] | None) -> Line:
    text = saved.text if saved else sentence.ours
    if form is None:
        return Line(sentence, saved, text)
    field = field_of(sentence.key)
    text = form.get(field, text).strip()
    if field in form.getlist("ours"):
        text = sentence.ours
    line = Line(sentence, saved, text)
    if line.wanted is None:
        return line
    problem = placeholders.problem(
        line.wanted, must=sentence.must, may=sentence.may, in_subject=sentence.in_subject
    )
    return Line(sentence, saved, text, _in_words(problem) if problem else None)


def _in_words(problem: placeholders.Problem) -> str:
    named = ", ".join(problem.named)
    said = {
        "too_long": _("Please keep it under %(most)s characters.", most=problem.most),
        "line_break": _("Keep it on one line: the letter breaks it where it must."),
        "not_text": _("It holds a character that nobody can see. Please type it anew."),
        "percent": _("A percent sign is written twice: %%"),
        "unknown": _("This sentence does not know %(named)s.", named=named),
        "missing": _("Please keep %(named)s: the letter puts in what belongs there.", named=named),
    }
    return str(said[problem.what])
