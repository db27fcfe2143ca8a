"""What an edited sentence must keep so that it can be said: its placeholders, and their form.

A placeholder is "%(name)s", or "%(name)d" for a number; "%%" is a percent sign. Pure.
"""

import re
import unicodedata
from dataclasses import dataclass

PIECE = re.compile(r"%%|%\(\w+\)[sd]")
# As long as no sentence of ours will be; a subject is cut by mail programs far earlier.
LONGEST, LONGEST_SUBJECT = 1000, 200
# Control characters, line breaks of all kinds, halves of characters, private and unknown ones.
NOT_TEXT = frozenset({"Cc", "Zl", "Zp", "Cs", "Co", "Cn"})
# Of those that only format (Cf) most turn text around or hide it; in words and emoji these stand.
JOINERS = frozenset("\u00ad\u200c\u200d\u2060")


@dataclass(frozen=True)
class Problem:
    """`what` is too_long, line_break, not_text, percent, unknown or missing.

    `named` are the placeholders that it is about; `most` is how many characters there may be.
    """

    what: str
    named: tuple[str, ...] = ()
    most: int = 0


def in_text(text: str) -> frozenset[str]:
    """The placeholders of `text`, such as "%(name)s"."""
    return frozenset(PIECE.findall(text)) - {"%%"}


def problem(
    text: str, *, must: frozenset[str], may: frozenset[str], in_subject: bool
) -> Problem | None:
    """Why `text` cannot stand in place of a sentence of ours; None when it can.

    It must have the placeholders in `must` and no other than those in `may`.
    """
    most = LONGEST_SUBJECT if in_subject else LONGEST
    if len(text) > most:
        return Problem("too_long", most=most)
    if len(text.splitlines()) > 1:
        return Problem("line_break")
    if not all(map(_is_text, text)):
        return Problem("not_text")
    if "%" in PIECE.sub("", text):
        return Problem("percent")
    found = in_text(text)
    if unknown := found - may:
        return Problem("unknown", tuple(sorted(unknown)))
    if missing := must - found:
        return Problem("missing", tuple(sorted(missing)))
    return None


def _is_text(character: str) -> bool:
    category = unicodedata.category(character)
    return character in JOINERS or (category != "Cf" and category not in NOT_TEXT)
