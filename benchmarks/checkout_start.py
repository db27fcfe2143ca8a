"""How fast the support form leads to Stripe's page, without the time that Stripe itself takes.

The value is one over the median of a sent form: checked, counted against card testing, its checkout
row committed, Stripe asked, the answer kept. The limit is the same SQL statements alone, said by a
driver with nothing in between.
"""

import statistics
import time
from collections.abc import Iterator
from typing import Any

import psycopg
from flask.testing import FlaskClient
from lxml import html
from sqlalchemy import Engine

from benchmarks._recording import Recording, recorded
from benchmarks._surroundings import application, standin, surroundings

GOAL = 0.1
UNIT = "forms/s"
PAIRS = 5
FORMS = 60


def rounds() -> Iterator[tuple[float, float]]:
    with surroundings() as here, standin(here):
        app = application(here)
        engine = app.extensions["kava.engine"]
        url = here.env["DATABASE_URL"].replace("+psycopg", "")
        client = app.test_client()
        _seconds_and_statements(client, engine, 0)
        for pair in range(1, PAIRS + 1):
            ours, bare = [], []
            with psycopg.connect(url) as connection:
                for form in range(FORMS):
                    seconds, recording = _seconds_and_statements(
                        client, engine, pair * FORMS + form
                    )
                    ours.append(seconds)
                    bare.append(_bare_seconds(connection, recording))
                    # A hundred pages that nobody pays on would be a bot's.
                    connection.execute("UPDATE giving_attempt SET completed_at = now()")
                    connection.commit()
            yield 1 / statistics.median(ours), 1 / statistics.median(bare)
        engine.dispose()


def _seconds_and_statements(
    client: FlaskClient, engine: Engine, number: int
) -> tuple[float, Recording]:
    """One reader's form, sent; how long that took without Stripe."""
    page = html.fromstring(client.get("/support?currency=EUR").text)
    form = next(form for form in page.forms if form.method == "POST")
    fields = dict(form.form_values()) | {
        "preset_month": "other",
        "amount": "5",
        "email": f"reader{number}@example.org",
    }
    network = {"REMOTE_ADDR": f"10.{number // 250}.{number % 250}.1"}
    with recorded(engine) as recording:
        began = time.perf_counter()
        answer = client.post("/support", data=fields, environ_base=network)
        seconds = time.perf_counter() - began - recording.http_seconds
    assert answer.status_code == 303, answer.text
    return seconds, recording


def _bare_seconds(connection: psycopg.Connection[Any], recording: Recording) -> float:
    began = time.perf_counter()
    recording.say_again(connection, api=None)
    connection.commit()
    return time.perf_counter() - began
