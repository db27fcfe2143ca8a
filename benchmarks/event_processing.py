"""How many stored events a second one worker follows: claim, lock, re-read, write, commit.

The worker follows some side by side, since most of the time is spent waiting. The limit is the same
SQL statements and the same requests to the Stripe stand-in, sent one after another by a driver and
a socket with nothing in between. They are recorded once; then both work in copies of one database.
"""

import http.client
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
from flask import Flask

from benchmarks._giving import give
from benchmarks._recording import Recording, recorded
from benchmarks._surroundings import application, standin, surroundings
from membership import db
from membership.billing import backfill, inbox
from membership.clock import now

GOAL = 0.5
UNIT = "events/s"
PAIRS = 3
PATRONS = 40


def rounds() -> Iterator[tuple[float, float]]:
    with surroundings() as here, standin(here) as stripe:
        app = application(here)
        url = here.env["DATABASE_URL"]
        give(app, stripe, here.env["STRIPE_SECRET_KEY"], PATRONS)
        with app.app_context():
            backfill.backfill(now().replace(hour=0))
        db.disconnect()
        _copy(url, "recorded")
        with recorded(_connect(app, url, "recorded")) as recording:
            events = _work(app, inbox.process_due)
        for number in range(PAIRS):
            for kind in ("ours", "bare"):
                _copy(url, f"{kind}_{number}")
            yield (
                _ours(app, url, f"ours_{number}"),
                events / _bare(recording, url, f"bare_{number}", stripe),
            )


def _copy(url: str, name: str) -> None:
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        source = connection.info.dbname
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with psycopg.connect(_plain(_at(url, "template1")), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')


def _connect(app: Flask, url: str, name: str) -> Any:
    app.extensions["kava.engine"] = engine = db.connect(_at(url, name))
    return engine


def _work(app: Flask, follow: Callable[[], int]) -> int:
    with app.app_context():
        done = 0
        while processed := follow():
            done += processed
        return done


def _ours(app: Flask, url: str, name: str) -> float:
    engine = _connect(app, url, name)
    began = time.monotonic()
    done = _work(app, inbox.process_due_side_by_side)
    passed = time.monotonic() - began
    engine.dispose()
    return done / passed


def _bare(recording: Recording, url: str, name: str, stripe: str) -> float:
    """Seconds for all of it."""
    host = urlsplit(stripe)
    api = http.client.HTTPConnection(host.hostname or "", host.port)
    with psycopg.connect(_plain(_at(url, name))) as connection:
        began = time.monotonic()
        recording.say_again(connection, api)
        return time.monotonic() - began


def _at(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")
