"""Reading a story from Markdown with a header.

---
title: The bridge is open
slug: the-bridge-is-open
date: 2026-10-03T09:00+03:00
tags: Reconstruction, Railway
---
The text, in CommonMark with tables. A pull quote is <blockquote class="pull">…</blockquote>.
"""

from datetime import datetime
from pathlib import Path

from markdown_it import MarkdownIt

from membership.articles.draft import Draft, ImportRefusedError, Reading, as_slug, one_line
from membership.articles.markup import read_body
from membership.articles.safety import names

SOURCE = "markdown"
FENCE = "---"
REQUIRED = ("title", "date")
KNOWN = names(
    "title slug date language standfirst kicker byline image alt caption credit correction tags"
)
# HTML may be written in the text; it is cleaned like everything else.
_markdown = MarkdownIt("commonmark", {"html": True}).enable("table")


def read(
    path: Path, *, languages: tuple[str, ...], language: str | None, cut: str | None
) -> Reading:
    """The one story of the file at `path`; its slug says which story it is when it comes again.

    Raises ImportRefusedError when the header is missing, incomplete or not understood.
    """
    header, text = _split(path)
    spoken = header.get("language") or language or languages[0]
    if spoken not in languages:
        raise ImportRefusedError(f"{path}: the language {spoken!r} is not one of this site's")
    slug = as_slug(header.get("slug") or header["title"], "")
    if not slug:
        raise ImportRefusedError(f"{path}: needs a slug, as none can be made from its title")
    body = read_body(_markdown.render(text), cut_after=cut, lift_picture=False)
    if not body.html:
        raise ImportRefusedError(f"{path}: has no text")
    draft = Draft(
        source=SOURCE,
        source_id=slug,
        slug=slug,
        language=spoken,
        title=header["title"],
        standfirst=header.get("standfirst", ""),
        body_html=body.html,
        published_at=_date(path, header["date"]),
        kicker=header.get("kicker"),
        byline=header.get("byline"),
        image_url=header.get("image"),
        image_alt=header.get("alt", "") if "image" in header else None,
        image_caption=header.get("caption"),
        image_credit=header.get("credit"),
        correction=header.get("correction"),
        tags=_tags(header.get("tags", "")),
    )
    return Reading((draft,))


def _split(path: Path) -> tuple[dict[str, str], str]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise ImportRefusedError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ImportRefusedError(f"{path}: is not UTF-8 text") from error
    if not lines or lines[0].strip() != FENCE or FENCE not in lines[1:]:
        raise ImportRefusedError(f"{path}: does not begin with a header between two lines of ---")
    end = lines.index(FENCE, 1)
    return _header(path, lines[1:end]), "\n".join(lines[end + 1 :])


def _header(path: Path, lines: list[str]) -> dict[str, str]:
    header: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), one_line(value)
        if not line.strip():
            continue
        if not colon or name not in KNOWN:
            raise ImportRefusedError(f"{path}: its header has the line {line.strip()!r}")
        if value:
            header[name] = value
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise ImportRefusedError(f"{path}: its header needs {' and '.join(missing)}")
    return header


def _date(path: Path, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ImportRefusedError(f"{path}: {text!r} is no date") from error
    if at.tzinfo is None:
        raise ImportRefusedError(f"{path}: the date {text!r} needs its zone, such as +03:00")
    return at


def _tags(text: str) -> tuple[tuple[str, str], ...]:
    given = filter(None, (one_line(name) for name in text.split(",")))
    return tuple(sorted({as_slug(name, ""): name for name in given}.items()))
