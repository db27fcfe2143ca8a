"""What work says to PostgreSQL and to Stripe, recorded and said again with nothing in between."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psycopg
import requests
from sqlalchemy import Engine, event


@dataclass
class Recording:
    """In order: ("sql", statement, values), ("commit",), ("rollback",), ("http", method, path,
    headers, body). `http_seconds` is how long the requests took."""

    steps: list[tuple[Any, ...]] = field(default_factory=list)
    http_seconds: float = 0.0

    def say_again(
        self, connection: psycopg.Connection[Any], api: http.client.HTTPConnection | None
    ) -> None:
        """Through a driver and a socket; without `api` the requests are left out."""
        for kind, *rest in self.steps:
            if kind == "sql":
                connection.execute(*rest)
            elif kind == "commit":
                connection.commit()
            elif kind == "rollback":
                connection.rollback()
            elif api is not None:
                method, path, headers, body = rest
                api.request(method, path, body, headers)
                api.getresponse().read()


@contextmanager
def recorded(engine: Engine) -> Iterator[Recording]:
    """All that goes through `engine` and through any session of requests."""
    recording = Recording()
    steps = recording.steps
    send = requests.Session.send

    def note_sql(_c: Any, _cursor: Any, statement: str, values: Any, _x: Any, many: bool) -> None:
        for each in values if many else [values]:
            steps.append(("sql", statement, each))

    def note_commit(_connection: Any) -> None:
        steps.append(("commit",))

    def note_rollback(_connection: Any) -> None:
        steps.append(("rollback",))

    def note_request(self: Any, request: Any, **options: Any) -> Any:
        address = urlsplit(request.url)
        path = f"{address.path}?{address.query}" if address.query else address.path
        steps.append(("http", request.method, path, dict(request.headers), request.body))
        began = time.perf_counter()
        try:
            return send(self, request, **options)
        finally:
            recording.http_seconds += time.perf_counter() - began

    listeners = (
        ("before_cursor_execute", note_sql),
        ("commit", note_commit),
        ("rollback", note_rollback),
    )
    for name, listener in listeners:
        event.listen(engine, name, listener)
    requests.Session.send = note_request  # type: ignore[method-assign]
    try:
        yield recording
    finally:
        requests.Session.send = send  # type: ignore[method-assign]
        for name, listener in listeners:
            event.remove(engine, name, listener)
