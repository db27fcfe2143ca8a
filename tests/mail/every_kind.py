"""All kinds of mail that the product sends, and their sample letters in each language."""

import importlib

from app import FEATURES
from membership.mail import kinds, letters, wording
from membership.staff.mail import samples

for feature in FEATURES:
    importlib.import_module(f"membership.{feature}.views")

KINDS = sorted(kinds.names())
LANGUAGES = ("en", "uk")
LINK = "http://localhost/unsubscribe/sample"


def letter(kind: str, language: str, words: wording.Words, case: int = 0) -> letters.Written:
    """The sample letter number `case`, in these words."""
    context = samples.of(kind, language)[case]
    link = LINK if kinds.is_bulk(kind) else None
    return letters.written(kind, context, language, words, link)


def all_letters(kind: str, language: str, words: wording.Words) -> list[letters.Written]:
    """Together they say each sentence of the kind."""
    cases = range(len(samples.of(kind, language)))
    return [letter(kind, language, words, case) for case in cases]
