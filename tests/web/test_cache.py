"""The page cache, around applications of a few lines and around the real one."""

import gzip
import threading
from collections.abc import Callable, Iterable
from typing import Any

import brotli
import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from membership.web.cache import PageCache

TEXT = "Free for everyone. " * 100


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class Site:
    """An application that counts how often it is asked; `answer` says what it says."""

    def __init__(self, answer: Callable[[Request, int], Response]) -> None:
        self.answer = answer
        self.asked = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked += 1
        return self.answer(Request(environ), self.asked)(environ, start_response)


def public(text: str = TEXT, **headers: str) -> Response:
    kept = {"Cache-Control": "public, max-age=60", "ETag": '"inner"', "X-Frame": "no"}
    return Response(text, headers=kept | headers, mimetype="text/html")


def around(site: Site, **options: Any) -> tuple[Client, PageCache]:
    """A cache for which no time passes, unless the test has a clock."""
    cache = PageCache(site, **{"clock": Clock()} | options)
    return Client(cache), cache


def test_a_page_is_asked_for_once_a_second() -> None:
    """[R2] What changed is seen within a second."""
    clock = Clock()
    site = Site(lambda request, time: public(f"{time}"))
    client, _ = around(site, clock=clock)
    assert [client.get("/").text for _ in range(3)] == ["1", "1", "1"]
    clock.at += 0.99
    assert client.get("/").text == "1"
    clock.at += 0.01
    assert client.get("/").text == "2"


def test_the_second_begins_before_the_page_is_read() -> None:
    """[R2] A page that was slow to make is not kept longer."""
    clock = Clock()

    def slow(request: Request, time: int) -> Response:
        clock.at += 5
        return public(f"{time}")

    client, _ = around(Site(slow), clock=clock)
    assert client.get("/").text == "1"
    assert client.get("/").text == "2"


def test_each_path_language_and_query_is_kept_apart() -> None:
    site = Site(lambda request, time: public(request.full_path))
    client, _ = around(site)
    addresses = ["/a", "/uk/a", "/a?q=1", "/a?q=2", "/a%3Fq=1"]
    texts = [client.get(address).text for address in addresses * 2]
    assert len(set(texts)) == site.asked == len(addresses)
    assert texts[: len(addresses)] == texts[len(addresses) :]


@pytest.mark.parametrize(
    ("accepts", "coding", "decode"),
    [
        ("br, gzip", "br", brotli.decompress),
        ("gzip, br;q=0.5", "gzip", gzip.decompress),
        ("gzip;q=1.0, br;q=0", "gzip", gzip.decompress),
        ("*", "br", brotli.decompress),
        ("identity", None, bytes),
        ("", None, bytes),
    ],
)
def test_bytes_are_sent_as_the_reader_takes_them(
    accepts: str, coding: str | None, decode: Callable[[bytes], bytes]
) -> None:
    client, _ = around(Site(lambda request, time: public()))
    for _ in range(2):
        response = client.get("/", headers={"Accept-Encoding": accepts})
        assert response.headers.get("Content-Encoding") == coding
        assert decode(response.data) == TEXT.encode()
        assert response.headers["Vary"] == "Accept-Encoding"
        assert response.headers["X-Frame"] == "no"
        assert response.content_length == len(response.data)


def test_every_coding_has_its_own_strong_tag() -> None:
    """[R2]"""
    client, _ = around(Site(lambda request, time: public()))
    tags = {
        coding: client.get("/", headers={"Accept-Encoding": coding}).headers["ETag"]
        for coding in ("br", "gzip", "identity")
    }
    assert len(set(tags.values())) == 3
    assert not any(tag.startswith("W/") for tag in tags.values())
    for coding, tag in tags.items():
        same = {"Accept-Encoding": coding, "If-None-Match": tag}
        response = client.get("/", headers=same)
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == tag
        assert response.headers["Cache-Control"] == "public, max-age=60"
        assert response.headers["Vary"] == "Accept-Encoding"
    other = {"Accept-Encoding": "gzip", "If-None-Match": tags["br"]}
    assert client.get("/", headers=other).status_code == 200


def test_the_readers_copy_does_not_hide_a_change() -> None:
    """A condition is ours to decide: the application never sees it, so its 304 is never kept."""

    def answer(request: Request, time: int) -> Response:
        return public().make_conditional(request.environ)

    client, _ = around(Site(answer))
    response = client.get("/", headers={"If-None-Match": '"inner"'})
    assert (response.status_code, response.text) == (200, TEXT)


def test_compressing_is_done_once_while_the_page_stays_the_same() -> None:
    clock = Clock()
    client, cache = around(Site(lambda request, time: public()), clock=clock)
    client.get("/", headers={"Accept-Encoding": "br"})
    page = cache._pages["/", ""]
    clock.at += 2
    client.get("/")
    assert cache._pages["/", ""] is not page
    assert cache._pages["/", ""].forms == page.forms != {}


@pytest.mark.parametrize(
    "response",
    [
        lambda: Response(TEXT, headers={"Cache-Control": "no-store"}),
        lambda: Response(TEXT, headers={"Cache-Control": "private, max-age=60"}),
        lambda: Response(TEXT),
        lambda: public(**{"Set-Cookie": "a=b"}),
        lambda: public(**{"Cache-Control": "public, no-store"}),
        lambda: Response(TEXT, status=404, headers={"Cache-Control": "public"}),
        lambda: Response(TEXT, status=301, headers={"Cache-Control": "public", "Location": "/b"}),
        lambda: Response(iter([b"no", b"length"]), headers={"Cache-Control": "public"}),
        lambda: public("x" * 2_000_001),
    ],
)
def test_nothing_else_is_kept(response: Callable[[], Response]) -> None:
    """[R2] Nothing personal, nothing that sets a cookie, no error, nothing endless."""
    site = Site(lambda request, time: response())
    client, cache = around(site)
    first, second = client.get("/"), client.get("/")
    assert site.asked == 2
    assert (cache.bytes, len(cache._pages)) == (0, 0)
    plain = response()
    for answer in (first, second):
        assert answer.status_code == plain.status_code
        assert answer.headers.get("Set-Cookie") == plain.headers.get("Set-Cookie")
        assert answer.headers.get("Cache-Control") == plain.headers.get("Cache-Control")


def test_posting_goes_past_it() -> None:
    site = Site(lambda request, time: public(request.method))
    client, _ = around(site)
    client.get("/")
    assert client.post("/").text == "POST"
    assert client.post("/").text == "POST"
    assert site.asked == 3


def test_head_says_what_get_would() -> None:
    client, _ = around(Site(lambda request, time: public()))
    for _ in range(2):
        head = client.head("/", headers={"Accept-Encoding": "br"})
        get = client.get("/", headers={"Accept-Encoding": "br"})
        assert head.data == b""
        assert list(head.headers) == list(get.headers)


def test_head_of_a_page_that_is_not_kept_has_no_body() -> None:
    client, _ = around(Site(lambda request, time: Response(TEXT)))
    head = client.head("/")
    assert (head.data, head.content_length) == (b"", len(TEXT))


def test_a_page_that_is_withdrawn_is_forgotten() -> None:
    clock = Clock()
    site = Site(lambda request, time: public() if time == 1 else Response("gone", status=410))
    client, cache = around(site, clock=clock)
    client.get("/")
    clock.at += 1
    assert client.get("/").status_code == 410
    assert (cache.bytes, len(cache._pages)) == (0, 0)


def test_it_stays_within_its_bounds() -> None:
    site = Site(lambda request, time: public())
    client, cache = around(site, most_pages=10)
    for number in range(50):
        client.get(f"/{number}", headers={"Accept-Encoding": "br"})
    assert len(cache._pages) == 10
    assert cache.bytes == sum(page.size for page in cache._pages.values())

    client, cache = around(site, most_bytes=5 * len(TEXT))
    for number in range(50):
        client.get(f"/{number}")
    assert 0 < cache.bytes <= 5 * len(TEXT)
    client.get("/45")
    client.get("/new")
    assert ("/45", "") in cache._pages, "the longest unused goes first"


def test_a_kept_page_is_read_anew_by_one_request_alone() -> None:
    clock = Clock()
    reading, go_on = threading.Event(), threading.Event()

    def answer(request: Request, time: int) -> Response:
        if time > 1:
            reading.set()
            assert go_on.wait(60)
        return public(f"{time}")

    site = Site(answer)
    _, cache = around(site, clock=clock)
    Client(cache).get("/")
    clock.at += 2
    texts: list[str] = []
    readers = [
        threading.Thread(target=lambda: texts.append(Client(cache).get("/").text)) for _ in range(5)
    ]
    for reader in readers:
        reader.start()
    assert reading.wait(60)
    go_on.set()
    for reader in readers:
        reader.join(60)
    assert texts == ["2"] * 5
    assert site.asked == 2


def test_an_error_of_the_application_is_not_hidden() -> None:
    clock = Clock()

    def answer(request: Request, time: int) -> Response:
        if time == 2:
            raise RuntimeError("broken")
        return public(f"{time}")

    client, _ = around(Site(answer), clock=clock)
    client.get("/")
    clock.at += 2
    with pytest.raises(RuntimeError):
        client.get("/")
    assert client.get("/").text == "3"


def test_nothing_is_kept_for_no_time() -> None:
    site = Site(lambda request, time: public())
    client, cache = around(site, seconds=0)
    client.get("/")
    client.get("/")
    assert site.asked == 2
    assert cache.bytes == 0
