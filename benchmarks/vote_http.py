"""How many ballots a second one web process takes: signed in, with its CSRF token, over HTTP.

The limit is a bare Flask view on the same kind of server that does the same statement on the same
database and sends the same redirect, and nothing else: no sign-in, no session, no CSRF, no headers.
Both are asked over the same number of connections, one ballot per patron and request.
"""

import json
import os
import random
import re
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.parse import urlencode, urlsplit

import psycopg
from lxml import html
from sqlalchemy.dialects.postgresql.psycopg import dialect

from benchmarks._electorate import Vote, plant_patrons, plant_round
from benchmarks._surroundings import Surroundings, application, serving, surroundings
from membership.accounts import sign_in
from membership.accounts.models import Account
from membership.db import transaction
from membership.voting import casting

GOAL = 0.6
UNIT = "casts/s"
PAIRS = 5
CONNECTIONS = 16
PATRONS = 320
CASTS = 5 * PATRONS

BARE = """
import json
import os
import threading
import psycopg
from flask import Flask, redirect, request
HERE = threading.local()
STATEMENT = json.loads(os.environ["STATEMENT"])
app = Flask(__name__)
@app.post("/rounds/<int:round_id>")
def cast(round_id):
    if not hasattr(HERE, "connection"):
        HERE.connection = psycopg.connect(os.environ["DATABASE"], autocommit=True)
    chosen = [int(choice) for choice in request.form.getlist("choice")]
    account = int(request.form["account"])
    values = {"round_id": round_id, "account_id": account, "ranked": chosen, "chosen": chosen}
    HERE.connection.execute(STATEMENT, values).fetchone()
    return redirect(f"/rounds/{round_id}", 303)
"""


def rounds() -> Iterator[tuple[float, float]]:
    with surroundings() as here, ExitStack() as stack:
        database = here.env["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(database) as connection:
            plant_patrons(connection, PATRONS)
            vote, other = plant_round(connection), plant_round(connection)
        (here.directory / "bare.py").write_text(BARE)
        statement = json.dumps(str(casting.CAST.compile(dialect=dialect())))
        bare_env = os.environ | {"DATABASE": database, "STATEMENT": statement}
        signed_in = _signed_in(here, vote)
        ours = stack.enter_context(serving("app:create_app", here.env, factory=True))
        bare = stack.enter_context(serving("bare:app", bare_env, here.directory))
        plain = [_request(other, {"account": account}) for account in range(1, PATRONS + 1)]
        for requests in (signed_in, plain):
            casts_a_second(ours if requests is signed_in else bare, requests, PATRONS)
        for _ in range(PAIRS):
            yield casts_a_second(ours, signed_in, CASTS), casts_a_second(bare, plain, CASTS)
        with psycopg.connect(database) as connection:
            kept = connection.execute("SELECT count(*) FROM ballot GROUP BY round_id").fetchall()
        assert kept == [(PATRONS,), (PATRONS,)]


def casts_a_second(address: str, requests: Sequence[bytes], casts: int) -> float:
    """Ballots taken a second; each connection sends its share of `requests` over and over."""
    shares = [list(requests[number::CONNECTIONS]) for number in range(CONNECTIONS)]
    times = casts // len(requests)
    with ThreadPoolExecutor(CONNECTIONS) as senders:
        began = time.monotonic()
        for sent in [senders.submit(_send, address, share * times) for share in shares]:
            sent.result()
        return casts / (time.monotonic() - began)


def _signed_in(here: Surroundings, vote: Vote) -> list[bytes]:
    """A ballot of each patron, with the cookie and the token that its page gave."""
    app = application(here)
    requests = []
    for account_id in range(1, PATRONS + 1):
        client = app.test_client()
        with app.app_context(), transaction() as session:
            token = sign_in.open_sign_in(session, session.get_one(Account, account_id))
        with client.session_transaction() as cookie:
            cookie.update({"_user_id": token, "_fresh": True})
        page = html.fromstring(client.get(f"/rounds/{vote.round_id}").text)
        csrf = page.xpath("//input[@name='csrf_token']/@value")[0]
        kept = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
        assert kept is not None
        requests.append(
            _request(vote, {"csrf_token": csrf}, f"Cookie: {kept.key}={kept.value}\r\n")
        )
    app.extensions["kava.engine"].dispose()
    return requests


def _request(vote: Vote, fields: dict[str, object], header: str = "") -> bytes:
    body = urlencode(fields | {"choice": random.choice(vote.topics)})
    head = (
        f"POST /rounds/{vote.round_id} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def _send(address: str, requests: list[bytes]) -> None:
    url = urlsplit(address)
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=30) as connection:
        for request in requests:
            connection.sendall(request)
            assert _answer(connection).startswith(b"HTTP/1.1 303")


def _answer(connection: socket.socket) -> bytes:
    """One whole answer: its head, and as much as that announces."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    missing = int(length[1] if length else 0) - len(body)
    while missing > 0:
        missing -= len(connection.recv(missing))
    return answer
