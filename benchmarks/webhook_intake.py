"""How many of Stripe's events a second one web process verifies, stores and answers.

The limit is a WSGI function that does one INSERT and commit of the same bytes, and nothing else, on
the same server and database. Both are asked over the same number of connections.
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from urllib.parse import urlsplit

import psycopg
from stripe import WebhookSignature

from benchmarks._surroundings import serving, surroundings

GOAL = 0.6
UNIT = "events/s"
PAIRS = 5
EVENTS = 2_000
CONNECTIONS = 16
WARM_UP = 10 * CONNECTIONS
PATH = "/webhooks/stripe"

BARE = """
import os
import threading
import psycopg
HERE = threading.local()
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "0")]
def app(environ, start_response):
    body = environ["wsgi.input"].read()
    if body:
        if not hasattr(HERE, "connection"):
            HERE.connection = psycopg.connect(os.environ["DATABASE"])
        HERE.connection.execute("INSERT INTO bare_event (payload) VALUES (%s)", (body.decode(),))
        HERE.connection.commit()
    start_response("200 OK", HEADERS)
    return [b""]
"""
_numbers = count()


def rounds() -> Iterator[tuple[float, float]]:
    with surroundings() as here, ExitStack() as stack:
        database = here.env["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(database) as connection:
            connection.execute(
                "CREATE TABLE bare_event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                " payload jsonb NOT NULL)"
            )
        (here.directory / "bare.py").write_text(BARE)
        ours = stack.enter_context(serving("app:create_app", here.env, factory=True))
        bare = stack.enter_context(
            serving("bare:app", os.environ | {"DATABASE": database}, here.directory)
        )
        secret = here.env["STRIPE_WEBHOOK_SECRETS"]
        for address in (ours, bare):
            events_a_second(address, secret, WARM_UP)
        for _ in range(PAIRS):
            yield events_a_second(ours, secret, EVENTS), events_a_second(bare, secret, EVENTS)
        with psycopg.connect(database) as connection:
            stored = connection.execute("SELECT count(*) FROM stripe_event").fetchone()
        assert stored == (WARM_UP + PAIRS * EVENTS,)


def events_a_second(address: str, secret: str, events: int) -> float:
    """Answered events a second, all of them new; what is sent is made before the clock runs."""
    shares = [[_request(secret) for _ in range(events // CONNECTIONS)] for _ in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as senders:
        began = time.monotonic()
        for sent in [senders.submit(_send, address, share) for share in shares]:
            sent.result()
        return events / (time.monotonic() - began)


def _request(secret: str) -> bytes:
    number = next(_numbers)
    event = {
        "id": f"evt_{number:024}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "livemode": False,
        "type": "invoice.paid",
        "data": {"object": {"id": f"in_{number:024}", "object": "invoice", "filler": "x" * 4_000}},
    }
    body = json.dumps(event)
    signature = WebhookSignature.generate_signature_header(body, secret, int(time.time()))
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def _send(address: str, requests: list[bytes]) -> None:
    url = urlsplit(address)
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=30) as connection:
        for request in requests:
            connection.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200"), answer
