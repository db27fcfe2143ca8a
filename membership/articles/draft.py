"""What an import reads from any source before anything is written."""

import re
from dataclasses import dataclass
from datetime import datetime

from slugify import slugify

LONGEST_SLUG = 120
# XML 1.0 knows no other control characters; one of them in a title would break every feed.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class ImportRefusedError(ValueError):
    """A file cannot be imported; the message is one sentence that names the file."""


@dataclass(frozen=True)
class Draft:
    """One story as its source has it, already clean. Fields are those of Article."""

    source: str
    source_id: str
    slug: str
    language: str
    title: str
    standfirst: str
    body_html: str
    published_at: datetime
    kicker: str | None = None
    byline: str | None = None
    image_url: str | None = None
    image_alt: str | None = None
    image_caption: str | None = None
    image_credit: str | None = None
    correction: str | None = None
    tags: tuple[tuple[str, str], ...] = ()  # (slug, name)


@dataclass(frozen=True)
class Skipped:
    """An item that was not imported, and why."""

    title: str
    reason: str


@dataclass(frozen=True)
class Note:
    """Something that was left out of an imported story, such as a gallery."""

    title: str
    left_out: str


@dataclass(frozen=True)
class Reading:
    """All that one file holds."""

    drafts: tuple[Draft, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[Note, ...] = ()


def as_slug(text: str, otherwise: str) -> str:
    """`text` as the last part of an address: lower-case Latin letters, digits and hyphens."""
    return slugify(text, max_length=LONGEST_SLUG, word_boundary=True) or otherwise


def one_line(text: str) -> str:
    """`text` with every run of white space as one space, without control characters."""
    return " ".join(CONTROL_CHARACTERS.sub("", text).split())
