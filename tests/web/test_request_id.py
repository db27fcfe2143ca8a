"""Log lines of one request carry one id."""

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("0123456789abcdef0123456789abcdef", True), ('forged"}\n{"event": "x', False), ("", False)],
)
def test_the_proxys_id_is_kept_when_it_is_one(app: Flask, given: str, is_kept: bool) -> None:
    with app.test_request_context("/", headers={"X-Request-ID": given.replace("\n", "")}):
        app.preprocess_request()
        bound = structlog.contextvars.get_contextvars()["request_id"]
    assert (bound == given) is is_kept
    assert bound.isalnum()


def test_each_request_has_its_own_id(client: FlaskClient) -> None:
    client.get("/healthz")
    first = structlog.contextvars.get_contextvars()["request_id"]
    client.get("/healthz")
    assert structlog.contextvars.get_contextvars()["request_id"] != first
