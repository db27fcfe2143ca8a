"""WordPress shortcodes: what stands in square brackets in a post's text and is not text.

A caption becomes a figure. What only a plugin of the old site could show is left out and named.
Brackets that an editor wrote, as in “[he] said” or “[sic]”, stay.
"""

import re
from html import escape

from membership.articles.safety import names

# Of WordPress itself and its most common companions; they and what they enclose are no text.
MEDIA = names("audio embed gallery playlist video wpvideo youtube vimeo")
CAPTIONS = frozenset(("caption", "wp_caption"))
OPENING = re.compile(
    r"""\[(?P<name>[a-z][\w-]*)(?P<attributes>(?:\s+[\w-]+=(?:"[^"\]]*"|'[^'\]]*'|[^\s\]"']+))*)"""
    r"""(?P<more>[^\[\]]*)\]""",
    re.IGNORECASE,
)
ATTRIBUTE = re.compile(r"""([\w-]+)=(?:"([^"]*)"|'([^']*)')""")
PICTURE = re.compile(r"(?:<a\b[^>]*>\s*)?<img\b[^>]*>(?:\s*</a>)?", re.IGNORECASE)


def replace(text: str) -> tuple[str, list[str]]:
    """`text` with its shortcodes resolved, and the names of those left out, each once."""
    left_out: dict[str, None] = {}
    pieces: list[str] = []
    position = 0
    while found := OPENING.search(text, position):
        name = found["name"].lower()
        closing = _closing(text, found)
        pieces.append(text[position : found.start()])
        if not _is_shortcode(found, closing):
            pieces.append(found[0])
            position = found.end()
            continue
        inside = text[found.end() : closing.start()] if closing else ""
        position = closing.end() if closing else found.end()
        if name in CAPTIONS:
            pieces.append(_figure(inside, found["attributes"]))
            continue
        left_out[name] = None
        if name not in MEDIA:
            # A column or a coloured box around text: the text stays, its shortcodes go as well.
            text, position = inside + text[position:], 0
    pieces.append(text[position:])
    return "".join(pieces), list(left_out)


def _closing(text: str, opening: re.Match[str]) -> re.Match[str] | None:
    pattern = re.compile(rf"\[/{re.escape(opening['name'])}\]", re.IGNORECASE)
    return pattern.search(text, opening.end())


def _is_shortcode(found: re.Match[str], closing: re.Match[str] | None) -> bool:
    is_known = found["name"].lower() in MEDIA | CAPTIONS
    return is_known or closing is not None or bool(found["attributes"])


def _figure(inside: str, attributes: str) -> str:
    """<figure> of `[caption …]<img …> The words[/caption]` or `[caption caption="The words" …]`."""
    picture = PICTURE.search(inside)
    if picture is None:
        return inside
    named = {key: first or second for key, first, second in ATTRIBUTE.findall(attributes)}
    words = inside.replace(picture[0], "").strip() or escape(named.get("caption", ""))
    caption = f"<figcaption>{words}</figcaption>" if words else ""
    return f"<figure>{picture[0]}{caption}</figure>"
