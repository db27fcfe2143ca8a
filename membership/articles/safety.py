"""Which HTML may stand in a story. Nothing is shown unescaped that has not passed through here.

nh3 (ammonia) parses as a browser does and writes anew only what is listed, so that a tag, an
attribute or an address that nobody thought of is gone rather than let through.
"""

import html
import re

import nh3


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TEXT = names(
    "a abbr b br cite code del dfn em i ins kbd mark q s samp small strong sub sup time u var"
)
BLOCKS = names(
    "blockquote dd dl dt figcaption figure h2 h3 h4 h5 h6 hr img li ol p pre ul "
    "caption table tbody td tfoot th thead tr"
)
# Not part of a story, but their borders are the borders of paragraphs.
WRAPPERS = names("article aside center div footer h1 header main nav section")
# Here the content goes with the tag; everywhere else an unlisted tag leaves its text behind.
GONE_WHOLE = names(
    "audio button canvas embed form iframe input math noembed noframes noscript object script "
    "select style svg template textarea title video xmp"
)
ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href", "hreflang"},
    "abbr": {"title"},
    "img": {"alt", "height", "loading", "src", "width"},
    "ol": {"reversed", "start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
SCHEMES = {"http", "https", "mailto", "tel"}
PULL_QUOTE = "pull"
BORDER = re.compile(r"<(?=/?(?:p|br|div|li|h[1-6]|figcaption|blockquote|t[dhr])\b)", re.IGNORECASE)

_first = nh3.Cleaner(
    tags=TEXT | BLOCKS | WRAPPERS,
    clean_content_tags=GONE_WHOLE,
    attributes={**ATTRIBUTES, "*": {"dir", "lang", "class"}},
    url_schemes=SCHEMES,
    link_rel=None,
)
_last = nh3.Cleaner(
    tags=TEXT | BLOCKS,
    clean_content_tags=GONE_WHOLE,
    attributes=ATTRIBUTES,
    allowed_classes={"blockquote": {PULL_QUOTE}},
    # A wide table scrolls sideways on a phone, which must be possible by keyboard too.
    set_tag_attribute_values={"table": {"tabindex": "0"}},
    url_schemes=SCHEMES,
    link_rel="noopener noreferrer",
)
_plain = nh3.Cleaner(tags=set(), clean_content_tags=GONE_WHOLE)


def tidy(markup: str) -> str:
    """Foreign HTML as a well-formed tree: harmless already, with its wrappers and classes."""
    return _first.clean(markup)


def clean(markup: str) -> str:
    """HTML that may be shown as it is. Always the last step."""
    return _last.clean(markup)


def plain(markup: str) -> str:
    """The text of `markup`, on one line, as text: `&amp;` has become `&`."""
    apart = BORDER.sub(" <", markup)
    return " ".join(html.unescape(_plain.clean(apart)).split())
