"""The page cache: WSGI, before Flask. A page of journalism is the same bytes for everyone, so each
process keeps it, compressed, for at most a second (rule R2): a published change is seen within that
second, and a thousand readers in that second cost one query.

What may be kept is what says `Cache-Control: public`; nothing that sets a cookie is. The key is the
whole address, language prefix and query included, so this stands outermost.
"""

import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import brotli  # type: ignore[import-untyped]
from werkzeug.datastructures import Headers
from werkzeug.http import parse_accept_header, parse_cache_control_header, parse_etags

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Body = Iterable[bytes]
Application = Callable[[Environ, StartResponse], Body]
Key = tuple[str, str]  # whole path and query

LARGEST_BODY = 2_000_000
WORTH_COMPRESSING = 500
COMPRESSIBLE = (
    "text/",
    "application/atom+xml",
    "application/feed+json",
    "application/javascript",
    "application/json",
    "application/xml",
    "image/svg+xml",
)
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, quality=5),
    "gzip": lambda body: gzip.compress(body, compresslevel=6, mtime=0),
}
# These speak of the bytes on their way, or are added anew to every answer.
OF_THE_BYTES = {"content-length", "content-encoding", "etag", "vary", "last-modified", "date"}


@dataclass
class Page:
    """One kept answer, and the compressed forms that were asked for so far."""

    key: Key
    headers: list[tuple[str, str]]
    body: bytes
    digest: str
    read_at: float
    forms: dict[str, bytes] = field(default_factory=dict)
    # While one request reads the page anew, the others for it wait instead of doing the same.
    renewing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size(self) -> int:
        return len(self.body) + sum(map(len, self.forms.values()))

    @cached_property
    def is_compressible(self) -> bool:
        kind = Headers(self.headers).get("Content-Type", "")
        return len(self.body) >= WORTH_COMPRESSING and kind.startswith(COMPRESSIBLE)


class PageCache:
    """WSGI middleware that keeps public pages for `seconds` (0: not at all).

    Bounds: `most_pages` answers and `most_bytes` in all; those longest unused go first.
    """

    def __init__(
        self,
        wrapped: Application,
        *,
        seconds: float = 1.0,
        most_pages: int = 2_000,
        most_bytes: int = 64_000_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wrapped = wrapped
        self.seconds = seconds
        self.most_pages = most_pages
        self.most_bytes = most_bytes
        self.clock = clock
        self.bytes = 0
        self._pages: OrderedDict[Key, Page] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Body:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or "HTTP_RANGE" in environ:
            return self.wrapped(environ, start_response)
        key = _key(environ)
        page = self._find(key)
        if page is None:
            return self._read(key, environ, start_response)
        if self._is_fresh(page):
            return self._answer(page, environ, start_response)
        with page.renewing:
            newer = self._find(key)
            if newer is not None and self._is_fresh(newer):
                return self._answer(newer, environ, start_response)
            return self._read(key, environ, start_response, page)

    def _find(self, key: Key) -> Page | None:
        with self._lock:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
            return page

    def _is_fresh(self, page: Page) -> bool:
        return self.clock() - page.read_at < self.seconds

    def _read(
        self, key: Key, environ: Environ, start_response: StartResponse, old: Page | None = None
    ) -> Body:
        """Ask the application, and keep its answer when it may be kept."""
        read_at = self.clock()
        started: list[tuple[Any, ...]] = []
        inner = {**environ, "REQUEST_METHOD": "GET"}
        # Whether the reader's copy still holds is decided here, by the tag of the bytes sent.
        for condition in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"):
            inner.pop(condition, None)
        answer = self.wrapped(inner, lambda *what: started.append(what))
        status, headers = started[-1][:2]
        if not _may_be_kept(status, Headers(headers)):
            self._drop(key)
            start_response(*started[-1])
            return _without_body(answer) if environ["REQUEST_METHOD"] == "HEAD" else answer
        try:
            body = b"".join(answer)
        finally:
            _close(answer)
        page = _page(key, headers, body, read_at, old)
        if self.seconds:
            self._keep(page)
        return self._answer(page, environ, start_response)

    def _drop(self, key: Key) -> None:
        with self._lock:
            gone = self._pages.pop(key, None)
            self.bytes -= gone.size if gone else 0

    def _keep(self, page: Page) -> None:
        with self._lock:
            replaced = self._pages.pop(page.key, None)
            self._pages[page.key] = page
            self.bytes += page.size - (replaced.size if replaced else 0)
            while len(self._pages) > self.most_pages or self.bytes > self.most_bytes:
                _, gone = self._pages.popitem(last=False)
                self.bytes -= gone.size

    def _answer(self, page: Page, environ: Environ, start_response: StartResponse) -> Body:
        accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
        coding = best_coding(accepted) if page.is_compressible else ""
        etag = f"{page.digest}-{coding}" if coding else page.digest
        headers = [*page.headers, ("ETag", f'"{etag}"'), ("Vary", "Accept-Encoding")]
        known = environ.get("HTTP_IF_NONE_MATCH")
        if known and parse_etags(known).contains_weak(etag):
            start_response("304 NOT MODIFIED", headers)
            return []
        body = self._form(page, coding) if coding else page.body
        if coding:
            headers.append(("Content-Encoding", coding))
        start_response("200 OK", [*headers, ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _form(self, page: Page, coding: str) -> bytes:
        """The page's bytes in `coding`; compressed once."""
        form = page.forms.get(coding)
        if form is None:
            form = COMPRESS[coding](page.body)
            with self._lock:
                # What was pushed out or replaced meanwhile no longer counts.
                if coding not in page.forms and self._pages.get(page.key) is page:
                    self.bytes += len(form)
                page.forms[coding] = form
        return form


def _key(environ: Environ) -> Key:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path, environ.get("QUERY_STRING", "")


def _may_be_kept(status: str, headers: Headers) -> bool:
    rules = parse_cache_control_header(headers.get("Cache-Control"))
    return (
        status.startswith("200")
        and "public" in rules
        and "no-store" not in rules
        and "Set-Cookie" not in headers
        and "Content-Encoding" not in headers
        and int(headers.get("Content-Length", LARGEST_BODY + 1)) <= LARGEST_BODY
    )


def _page(
    key: Key, headers: list[tuple[str, str]], body: bytes, read_at: float, old: Page | None
) -> Page:
    """A page to keep. When it reads as before, what was compressed before still holds."""
    digest = hashlib.blake2b(body, digest_size=12).hexdigest()
    kept = [(name, value) for name, value in headers if name.lower() not in OF_THE_BYTES]
    page = Page(key, kept, body, digest, read_at)
    if old is not None:
        page.renewing = old.renewing
        if old.digest == digest:
            page.forms = dict(old.forms)
    return page


@lru_cache(maxsize=1_000)
def best_coding(accepted: str) -> str:
    """ "br", "gzip" or "" – the best that a reader takes who sends this Accept-Encoding."""
    taken = parse_accept_header(accepted)
    codings = [coding for coding in COMPRESS if taken.quality(coding) > 0]
    return max(codings, key=taken.quality, default="")


def _without_body(answer: Body) -> Body:
    _close(answer)
    return []


def _close(answer: Body) -> None:
    close = getattr(answer, "close", None)
    if close is not None:
        close()


def init_app(app: Any) -> None:
    app.wsgi_app = app.extensions["kava.page_cache"] = PageCache(app.wsgi_app)
