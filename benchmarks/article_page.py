"""How many article pages a second one web process answers from its page cache.

The limit is a WSGI function that returns the same bytes and does nothing else, on the same server.
The client sends requests ahead of the answers (pipelining), so that the server is what is measured.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import requests

from benchmarks._surroundings import serving, surroundings

GOAL = 0.5
UNIT = "pages/s"
PAIRS = 5
SECONDS = 3.0
AHEAD = 64

# What the bare function answers, and how large the application's answer is.
BARE = """
import os
BODY = b"x" * int(os.environ["BODY_SIZE"])
HEADERS = [("Content-Type", "text/html"), ("Content-Length", str(len(BODY)))]
def app(environ, start_response):
    start_response("200 OK", HEADERS)
    return [BODY]
"""


def rounds() -> Iterator[tuple[float, float]]:
    with surroundings() as here, ExitStack() as stack:
        here.flask("seed", "--patrons", "20", "--months", "3")
        ours = stack.enter_context(serving("app:create_app", here.env, factory=True))
        story = requests.get(f"{ours}/feed.json", timeout=30).json()["items"][0]["url"]
        path = urlsplit(story).path
        size = len(
            requests.get(
                ours + path, timeout=30, headers={"Accept-Encoding": "br"}, stream=True
            ).raw.read()
        )
        (here.directory / "bare.py").write_text(BARE)
        bare = stack.enter_context(
            serving("bare:app", os.environ | {"BODY_SIZE": str(size)}, here.directory)
        )
        for _ in range(PAIRS):
            yield pages_a_second(ours, path), pages_a_second(bare, path)


def pages_a_second(address: str, path: str) -> float:
    """Answers a second over one connection that always has AHEAD requests under way."""
    host, port = address.removeprefix("http://").split(":")
    ask = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: br\r\n\r\n".encode()
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(ask)
        length = len(_one_answer(connection))
        began = time.monotonic()
        answered = 0
        while time.monotonic() - began < SECONDS:
            connection.sendall(ask * AHEAD)
            _read(connection, length * AHEAD)
            answered += AHEAD
        return answered / (time.monotonic() - began)


def _one_answer(connection: socket.socket) -> bytes:
    """The first answer, whole: all that follow have its length."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    (length,) = (
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _read(connection: socket.socket, length: int) -> None:
    while length > 0:
        length -= len(connection.recv(min(length, 1 << 20)))
