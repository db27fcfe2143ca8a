"""What every page shares: access rules, security headers, languages, errors, static files."""

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from membership.web import cache, errors, headers, health, languages, pages, request_id

csrf = CSRFProtect()


def init_app(app: Flask) -> None:
    csrf.init_app(app)
    # The cache comes last, so that it stands outside of the language's prefix.
    for part in (request_id, languages, pages, headers, errors, cache):
        part.init_app(app)
    app.register_blueprint(health.blueprint)
