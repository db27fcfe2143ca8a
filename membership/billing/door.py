"""Stripe's door: `POST /webhooks/stripe`, before Flask, which would cost more than the storing.

The raw body is what is signed (rule B1), and there is no session, no form and no page, so nothing
of what Flask prepares is used. 200: stored. 400: not from Stripe, nothing stored. 500: not stored,
so Stripe sends it again.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_input_stream

from membership.billing import inbox
from membership.web import request_id
from membership.web.headers import of_every_answer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger(__name__)

PATH = "/webhooks/stripe"


class StripesDoor:
    """Answers Stripe, and hands every other request on."""

    def __init__(self, app: Flask, wrapped: "WSGIApplication") -> None:
        self._app = app
        self.wrapped = wrapped

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return self.wrapped(environ, start_response)
        with self._app.app_context():
            request_id.bind(environ.get("HTTP_X_REQUEST_ID", ""))
            status = _status(environ)
            headers = [*of_every_answer().items(), ("Cache-Control", "no-store")]
        if status.startswith("405"):
            headers.append(("Allow", "POST"))
        start_response(status, [*headers, ("Content-Length", "0")])
        return []


def _status(environ: dict[str, Any]) -> str:
    if environ["REQUEST_METHOD"] != "POST":
        return "405 Method Not Allowed"
    try:
        body = get_input_stream(environ, max_content_length=inbox.LARGEST_BODY).read()
        inbox.receive(body, environ.get("HTTP_STRIPE_SIGNATURE", ""))
    except (inbox.RefusedWebhookError, HTTPException) as error:
        log.warning("webhook_refused", reason=str(error))
        return "400 Bad Request"
    # Whatever it was, Stripe must hear that the event is not stored, and nothing more.
    except Exception as error:
        log.error("webhook_not_stored", exc_info=error)
        return "500 Internal Server Error"
    return "200 OK"


def init_app(app: Flask) -> None:
    app.wsgi_app = StripesDoor(app, app.wsgi_app)  # type: ignore[method-assign]
