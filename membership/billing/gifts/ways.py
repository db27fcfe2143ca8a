"""Other ways to support: what staff wrote, and how it is shown."""

import io
from urllib.parse import urlsplit

import segno
from markdown_it import MarkdownIt
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import settings
from membership.articles import safety
from membership.billing.gifts.models import OtherWay

_markdown = MarkdownIt("commonmark", {"html": False})
LONGEST_VALUE = 500


class NoLinkError(ValueError):
    """The text is no https:// address of a page."""


def shown(session: Session, language: str) -> tuple[str, list[OtherWay]]:
    """What readers of a language see, in its order, and the language that it is written in.

    Where nothing is written in theirs, the site's first language.
    """
    for each in dict.fromkeys((language, settings().languages[0])):
        ways = session.scalars(
            select(OtherWay)
            .where(OtherWay.language == each, OtherWay.is_shown)
            .order_by(OtherWay.position, OtherWay.id)
        ).all()
        if ways:
            return each, list(ways)
    return language, []


def html(way: OtherWay) -> str:
    """The text as HTML that may be shown as it is."""
    return safety.clean(_markdown.render(way.text))


def picture(way: OtherWay) -> bytes:
    """The value as a QR code, an SVG file without style or script, on white in the dark too."""
    file = io.BytesIO()
    code = segno.make(way.value or "", micro=False)
    code.save(file, kind="svg", scale=5, light="#fff", dark="#000", svgclass=None, lineclass=None)
    return file.getvalue()


def link(text: str) -> str:
    """`text` as the address of a page elsewhere. Raises NoLinkError."""
    wanted = text.strip()
    try:
        parts = urlsplit(wanted)
    except ValueError as error:
        raise NoLinkError from error
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise NoLinkError
    if any(letter.isspace() or letter in "\"'<>\\" for letter in wanted):
        raise NoLinkError
    return wanted
