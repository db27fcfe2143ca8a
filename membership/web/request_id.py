"""Each request has an id, the proxy's or our own, that every log line of it carries."""

import re
from uuid import uuid4

import structlog
from flask import Flask, request

# What a proxy gives; anything else could forge log lines.
WELL_FORMED = re.compile(r"[0-9A-Za-z-]{8,64}")


def bind(given: str) -> None:
    """Let every log line from now on carry `given`, or an id of our own when that is none."""
    request_id = given if WELL_FORMED.fullmatch(given) else uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)


def _bind_the_proxys() -> None:
    bind(request.headers.get("X-Request-ID", ""))


def init_app(app: Flask) -> None:
    app.before_request(_bind_the_proxys)
