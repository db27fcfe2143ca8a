"""Links that come with a suggestion: where to read more. Shown, never fetched."""

from urllib.parse import urlsplit

MOST = 3
LONGEST = 500


class InvalidLinkError(ValueError):
    """`args[0]` is what was given: no address of a page on the web, or too long."""


class TooManyLinksError(ValueError):
    """More than MOST of them."""


def parse(text: str) -> list[str]:
    """Up to MOST addresses, one a line, each once.

    Only http and https with a host's name, so that none of them can run anything or hide where it
    leads. Raises InvalidLinkError or TooManyLinksError.
    """
    given = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if len(given) > MOST:
        raise TooManyLinksError
    for link in given:
        if not _is_web(link):
            raise InvalidLinkError(link)
    return given


def _is_web(link: str) -> bool:
    if len(link) > LONGEST or not link.isprintable() or " " in link or "\\" in link:
        return False
    try:
        parts = urlsplit(link)
        port = parts.port
    except ValueError:
        return False
    has_name = "." in (parts.hostname or "").strip(".") and "@" not in parts.netloc
    return parts.scheme in ("http", "https") and has_name and port != 0
