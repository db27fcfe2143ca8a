"""What a reader sees when something is wrong: plain words and a way on, never a stack trace."""

import structlog
from flask import Flask, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException

log = structlog.get_logger(__name__)
PAGES = {400, 403, 404, 405, 409, 410, 413, 429, 500, 503}


def show_http_error(error: HTTPException) -> ResponseReturnValue:
    """An error page in the site's own words; `error.description` is shown when a view gave one."""
    status = error.code or 500
    if status < 400:
        return error.get_response()
    said = error.description if error.description != type(error).description else None
    page = status if status in PAGES else (500 if status >= 500 else 400)
    # What tells programs how to go on, such as Allow and Retry-After.
    kept = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    return render_template("errors/error.html", status=page, said=said), status, kept


def show_stale_form(error: CSRFError) -> tuple[str, int]:
    return render_template("errors/error.html", status=400, said=None, stale_form=True), 400


def show_unstorable(error: DataError) -> tuple[str, int]:
    """A NUL byte, or a number beyond all rows: nothing that a reader or a link of ours sends."""
    return render_template("errors/error.html", status=400, said=None), 400


def show_database_away(error: OperationalError) -> tuple[str, int]:
    log.error("database_away", endpoint=request.endpoint, exc_info=error)
    return render_template("errors/error.html", status=503, said=None), 503


def show_unexpected(error: Exception) -> tuple[str, int]:
    if current_app.testing:
        raise error
    log.error("unexpected_error", endpoint=request.endpoint, exc_info=error)
    return render_template("errors/error.html", status=500, said=None), 500


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, show_http_error)
    app.register_error_handler(CSRFError, show_stale_form)
    app.register_error_handler(DataError, show_unstorable)
    app.register_error_handler(OperationalError, show_database_away)
    app.register_error_handler(Exception, show_unexpected)
