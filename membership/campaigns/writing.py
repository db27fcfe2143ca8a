"""A letter's Markdown as the two parts of a mail (rule M7): HTML, and text that reads as well.

Raw HTML is shown as it was typed, and no picture is ever loaded: a letter is read without images,
and nobody's server learns that it was opened (rules M7 and S10).
"""

from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from membership.articles import safety

# Of addresses with a scheme; one without is an address within the site.
SCHEMES = frozenset({"", "http", "https", "mailto"})


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        """Whether `url` may be linked to; what may not stands there as it was typed."""
        try:
            return urlsplit(url).scheme in SCHEMES
        except ValueError:
            return False


_pictures = MarkdownIt("commonmark", {"html": False})
_markdown = _Markdown("commonmark", {"html": False}).disable("image")
# Above them stand the letterhead and, in many readers, the subject.
HEADINGS = {"h1": "h2", "h2": "h2"}
SMALLEST = "h3"


def html(text: str, base_url: str) -> Markup:
    """The HTML of a letter's text, safe to be shown; addresses within the site become whole."""
    tokens = _read(text, base_url)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = HEADINGS.get(token.tag, SMALLEST)
    # Everything that is shown unescaped has passed through safety.clean().
    return Markup(safety.clean(_markdown.renderer.render(tokens, _markdown.options, {})).strip())


def plain(text: str, base_url: str) -> str:
    """The same as text: an address stands behind the words that link to it."""
    return _Plain(_read(text, base_url)).text()


def has_pictures(text: str) -> bool:
    """Whether `text` asks for an image."""
    inline = (token.children or () for token in _pictures.parse(text))
    return any(child.type == "image" for children in inline for child in children)


def _read(text: str, base_url: str) -> list[Token]:
    tokens = _markdown.parse(text)
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", urljoin(f"{base_url}/", str(child.attrGet("href"))))
    return tokens


class _Plain:
    """Walks the tokens of a text and writes its blocks, each behind the signs of what it is in."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._blocks: list[str] = []
        # What the next line begins with for each surrounding block, and what later lines do.
        self._first: list[str] = []
        self._later: list[str] = []
        self._numbers: list[int | None] = []
        self._is_tight = False
        # Whether a blank line comes before the next one, and how many of the blocks around the
        # line before surround that one too: what has ended leaves no sign on it.
        self._has_gap = False
        self._shared = 0
        for token in tokens:
            if token.nesting:
                self._go(token)
            else:
                self._take(token)

    def text(self) -> str:
        return "".join(self._blocks).strip("\n")

    def _go(self, token: Token) -> None:
        """Into a block that holds others, or out of it."""
        match token.type:
            case "blockquote_open":
                self._enter("> ", "> ")
            case "bullet_list_open":
                self._numbers.append(None)
            case "ordered_list_open":
                self._numbers.append(int(token.attrGet("start") or 1))
            case "list_item_open":
                self._enter_item()
            case "blockquote_close" | "list_item_close":
                self._first.pop()
                self._later.pop()
                self._shared = min(self._shared, len(self._later))
            case "bullet_list_close" | "ordered_list_close":
                self._numbers.pop()
                # However tight the list was.
                self._has_gap |= not self._numbers
            case "paragraph_open":
                self._is_tight = token.hidden
            case "heading_open":
                self._is_tight = False

    def _take(self, token: Token) -> None:
        """A block of words."""
        if token.type == "inline":
            self._write(_words(token.children or ()))
            return
        self._is_tight = False
        if token.type == "hr":
            self._write("* * *")
        else:
            self._write("\n".join(f"    {line}" for line in token.content.splitlines()))

    def _enter(self, first: str, later: str) -> None:
        self._first.append(first)
        self._later.append(later)

    def _enter_item(self) -> None:
        number = self._numbers[-1]
        sign = "- " if number is None else f"{number}. "
        if number is not None:
            self._numbers[-1] = number + 1
        self._enter(sign, " " * len(sign))

    def _write(self, words: str) -> None:
        if self._has_gap:
            self._blocks.append("".join(self._later[: self._shared]).rstrip() + "\n")
        for line in words.split("\n"):
            self._blocks.append("".join(self._first) + line + "\n")
            self._first = list(self._later)
        self._has_gap = not self._is_tight
        self._shared = len(self._later)


def _words(tokens: Sequence[Token]) -> str:
    """The text of a line and its links; an address that is its own text stands there once."""
    said: list[str] = []
    links: list[tuple[str, int]] = []
    for token in tokens:
        match token.type:
            case "link_open":
                links.append((str(token.attrGet("href")), len(said)))
            case "link_close":
                address, began = links.pop()
                shown = address.removeprefix("mailto:")
                if "".join(said[began:]) != shown:
                    said.append(f" ({shown})")
            case "softbreak" | "hardbreak":
                said.append("\n" if token.type == "hardbreak" else " ")
            case _:
                said.append(token.content)
    return "".join(said)
