"""From the HTML a story came with to the HTML it is read in.

A story is a flat row of blocks (paragraphs, headings, quotations, lists, figures, tables) in the
order of reading. Its first picture and the end that the newsroom wants cut off are taken out here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin

from lxml import html
from lxml.html import HtmlElement

from membership.articles import safety
from membership.articles.draft import CONTROL_CHARACTERS, one_line

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = safety.BLOCKS - {"img"} | safety.WRAPPERS
# Text may stand in these without a paragraph around it, and then needs one.
HOLD_PARAGRAPHS = safety.WRAPPERS - {"h1"} | {"blockquote"}
MAY_BE_EMPTY = {"hr", "td", "th", "tr", "thead", "tbody", "tfoot"}
PARAGRAPH_BREAK = re.compile(r"\n\s*\n")
CREDIT = re.compile(
    r"(?:^|(?<=[\s.;,|(]))"
    r"(?:photo credit|photo|credit|image|фото|джерело|світлина)s?(?: by)?\s*:\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Picture:
    """The picture above a story."""

    url: str
    alt: str
    caption: str
    credit: str


@dataclass(frozen=True)
class Body:
    """A story's text as clean HTML and the picture that stood first in it."""

    html: str
    picture: Picture | None
    was_cut: bool


def read_body(
    markup: str, *, base_url: str = "", cut_after: str | None = None, lift_picture: bool = True
) -> Body:
    """Clean `markup`.

    Relative addresses are resolved against `base_url`, when there is one. `cut_after`: everything
    from the first block whose text starts with it is left out. `lift_picture`: a picture that
    stands before all text becomes the story's own.
    """
    root = _parse(safety.tidy(CONTROL_CHARACTERS.sub("", markup)))
    _make_paragraphs(root)
    _unwrap(root)
    _mark_pull_quotes(root)
    _mend_pictures(root, base_url)
    _mend_tables(root)
    _resolve_links(root, base_url)
    was_cut = cut_after is not None and _cut(root, cut_after)
    _drop_empty(root)
    picture = _lift_picture(root) if lift_picture else None
    _drop_trailing_headings(root)
    _level_headings(root)
    return Body(safety.clean(_inner(root)).strip(), picture, was_cut)


def split_credit(caption: str) -> tuple[str, str]:
    """("A bridge at dusk.", "Olha Example") of "A bridge at dusk. Photo: Olha Example"."""
    found = list(CREDIT.finditer(caption))
    if not found:
        return caption, ""
    last = found[-1]
    return caption[: last.start()].rstrip(" (|;,"), caption[last.end() :].strip(" .)")


def _parse(markup: str) -> HtmlElement:
    return html.fragment_fromstring(markup, create_parent="div")


def _inner(root: HtmlElement) -> str:
    blocks = (html.tostring(child, encoding="unicode", with_tail=False) for child in root)
    return "\n".join(blocks)


def text_of(element: HtmlElement) -> str:
    return one_line(element.text_content())


def _make_paragraphs(root: HtmlElement) -> None:
    """Put text that stands between blocks into <p>, as WordPress does when it shows a post."""
    holders = [root]
    while holders:
        holder = holders.pop()
        pieces = _take_apart(holder)
        paragraph = html.Element("p")
        for piece in pieces:
            if isinstance(piece, str):
                paragraph = _add_paragraphs(holder, paragraph, piece)
            elif piece.tag in BLOCKS:
                paragraph = _finish(holder, paragraph)
                holder.append(piece)
                if piece.tag in HOLD_PARAGRAPHS:
                    holders.append(piece)
            else:
                paragraph.append(piece)
        _finish(holder, paragraph)


def _take_apart(holder: HtmlElement) -> list[str | HtmlElement]:
    """Empty `holder`; answer its texts and elements in order."""
    pieces: list[str | HtmlElement] = [holder.text or ""]
    holder.text = None
    for child in list(holder):
        pieces += [child, child.tail or ""]
        child.tail = None
        holder.remove(child)
    return pieces


def _add_paragraphs(holder: HtmlElement, paragraph: HtmlElement, text: str) -> HtmlElement:
    """An empty line parts two paragraphs, a single line break is one. Answers the open one."""
    for number, part in enumerate(PARAGRAPH_BREAK.split(text)):
        if number:
            paragraph = _finish(holder, paragraph)
        if not len(paragraph) and not paragraph.text:
            part = part.lstrip()
        first, *others = part.split("\n")
        _add_text(paragraph, first)
        for line in others:
            paragraph.append(html.Element("br"))
            _add_text(paragraph, line)
    return paragraph


def _add_text(paragraph: HtmlElement, text: str) -> None:
    if len(paragraph):
        paragraph[-1].tail = (paragraph[-1].tail or "") + text
    else:
        paragraph.text = (paragraph.text or "") + text


def _finish(holder: HtmlElement, paragraph: HtmlElement) -> HtmlElement:
    while len(paragraph) and paragraph[-1].tag == "br" and not (paragraph[-1].tail or "").strip():
        paragraph.remove(paragraph[-1])
    if text_of(paragraph) or paragraph.find(".//img") is not None:
        holder.append(paragraph)
    return html.Element("p")


def _unwrap(root: HtmlElement) -> None:
    for wrapper in list(root.iter(*(safety.WRAPPERS - {"h1"}))):
        if wrapper is not root:
            wrapper.drop_tag()


def _mark_pull_quotes(root: HtmlElement) -> None:
    """WordPress wraps a pull quote in a figure; here it is a blockquote with the only class."""
    for styled in root.iter():
        if styled.get("class") != safety.PULL_QUOTE and styled.tag != "figure":
            styled.attrib.pop("class", None)
    for figure in list(root.iter("figure")):
        quote = figure.find("blockquote")
        if quote is not None and "pullquote" in figure.get("class", ""):
            quote.set("class", safety.PULL_QUOTE)
            figure.drop_tag()


def _mend_pictures(root: HtmlElement, base_url: str) -> None:
    for image in list(root.iter("img")):
        address = image.get("src", "").strip()
        # A picture of one pixel counts readers. Over http no browser would show it on our page.
        is_spy = "1" in (image.get("width"), image.get("height"))
        if not address or is_spy:
            image.drop_tree()
            continue
        image.set("src", re.sub(r"^http://", "https://", urljoin(base_url, address)))
        image.set("alt", image.get("alt", ""))
        image.set("loading", "lazy")


def _mend_tables(root: HtmlElement) -> None:
    """A heading without words, as in the corner of a table, heads nothing."""
    for heading in list(root.iter("th")):
        if not text_of(heading) and heading.find(".//img") is None:
            heading.tag = "td"
            heading.attrib.pop("scope", None)


def _resolve_links(root: HtmlElement, base_url: str) -> None:
    for link in root.iter("a"):
        address = link.get("href")
        if address and base_url and not address.startswith("#"):
            link.set("href", urljoin(base_url, address.strip()))


def _cut(root: HtmlElement, start: str) -> bool:
    """Remove the first block that starts with `start`, and all that follows."""
    blocks = list(root)
    for position, block in enumerate(blocks):
        if text_of(block).startswith(one_line(start)):
            for gone in blocks[position:]:
                root.remove(gone)
            return True
    return False


def _drop_empty(root: HtmlElement) -> None:
    """Blocks without words and pictures are leftovers of an editor."""
    for block in reversed(list(root.iterdescendants(*(BLOCKS - MAY_BE_EMPTY)))):
        if not text_of(block) and block.find(".//img") is None:
            block.drop_tree()


def _lift_picture(root: HtmlElement) -> Picture | None:
    if not len(root):
        return None
    first = root[0]
    image = first.find(".//img")
    if image is None or first.tag not in ("figure", "p"):
        return None
    caption = first.find(".//figcaption")
    said = text_of(caption) if caption is not None else ""
    if first.tag == "p" and text_of(first):
        return None
    if len(list(first.iter("img"))) > 1:
        return None
    root.remove(first)
    words, credit = split_credit(said)
    return Picture(image.get("src", ""), one_line(image.get("alt", "")), words, credit)


def _drop_trailing_headings(root: HtmlElement) -> None:
    """A heading with nothing under it, such as "Related:", announces what is not there."""
    while len(root) and root[-1].tag in (*HEADINGS, "hr"):
        root.remove(root[-1])


def _level_headings(root: HtmlElement) -> None:
    """The headline is the page's h1: the highest level used in the text becomes h2, and so on."""
    used = sorted({heading.tag for heading in _headings(root)})
    for heading in _headings(root):
        heading.tag = f"h{min(used.index(heading.tag) + 2, 6)}"


def _headings(root: HtmlElement) -> Iterable[HtmlElement]:
    return list(root.iter(*HEADINGS))
