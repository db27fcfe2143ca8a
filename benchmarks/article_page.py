"""How many article pages a second one web process answers from its page cache.

The limit is a WSGI function that returns the same bytes and does nothing else, on the same server.
The client sends requests ahead of the answers (pipelining), so that the server is what is measured.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests

from sandbox import services
from sandbox.demo.surroundings import Ports, environment

GOAL = 0.5
UNIT = "pages/s"
PAIRS = 5
SECONDS = 3.0
AHEAD = 64
ROOT = Path(__file__).parent.parent

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
    with ExitStack() as stack:
        directory = Path(
            stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        )
        postgres = stack.enter_context(services.start_postgres(directory / "postgres"))
        redis = stack.enter_context(services.start_redis(directory / "redis"))
        env = environment(directory, Ports.near(0), postgres.url, redis.url) | {
            "LOG_LEVEL": "ERROR"
        }
        for command in (("migrate",), ("seed", "--patrons", "20", "--months", "3")):
            subprocess.run(
                [sys.executable, "-m", "flask", *command],
                env=env, cwd=ROOT, check=True, capture_output=True,
            )  # fmt: skip
        ours = stack.enter_context(serving("app:create_app", env, ROOT, factory=True))
        story = requests.get(f"{ours}/feed.json", timeout=30).json()["items"][0]["url"]
        path = urlsplit(story).path
        size = len(
            requests.get(
                ours + path, timeout=30, headers={"Accept-Encoding": "br"}, stream=True
            ).raw.read()
        )
        (directory / "bare.py").write_text(BARE)
        bare = stack.enter_context(
            serving("bare:app", os.environ | {"BODY_SIZE": str(size)}, directory)
        )
        for _ in range(PAIRS):
            yield pages_a_second(ours, path), pages_a_second(bare, path)


@contextmanager
def serving(
    target: str, env: dict[str, str], directory: Path, factory: bool = False
) -> Iterator[str]:
    """One granian process with `target`; its address once it answers."""
    port = services.free_port()
    options = ["--interface", "wsgi", "--port", str(port), "--workers", "1", "--log-level", "error"]
    command = [
        sys.executable,
        "-m",
        "granian",
        *options,
        *(["--factory"] if factory else []),
        target,
    ]
    server = subprocess.Popen(command, env=env, cwd=directory)
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                requests.get(f"{address}/healthz", timeout=1)
                break
            except requests.ConnectionError:
                time.sleep(0.05)
        yield address
    finally:
        server.terminate()
        server.wait()


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
