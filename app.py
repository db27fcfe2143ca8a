"""create_app(): wires settings, database, blueprints and Celery. Nothing else."""

import importlib
import sys

from flask import Flask
from pydantic import ValidationError
from werkzeug.middleware.proxy_fix import ProxyFix

from config import logging
from config.settings import Settings
from membership import cli, db, web
from membership.accounts import login
from membership.billing import door
from membership.web import access
from tasks.celery_app import create_celery

FEATURES = (
    "accounts",
    "articles",
    "billing",
    "billing.defence",
    "billing.dunning",
    "billing.gifts",
    "billing.manage",
    "billing.papers",
    "billing.privacy",
    "mail",
    "newsletter",
    "reports",
    "staff",
    "voting",
)


def create_app(settings: Settings | None = None) -> Flask:
    """The Flask application. Exits with one clear text when the settings are wrong."""
    settings = settings or _settings_from_environment()
    logging.configure(settings.log_level)
    logging.report_errors(settings.sentry_dsn)
    app = Flask("app", static_folder="membership/web/static")
    app.extensions["kava.settings"] = settings
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=1024 * 1024,
        SESSION_COOKIE_NAME="__Host-session" if settings.is_secure else "session",
        SESSION_COOKIE_SECURE=settings.is_secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PREFERRED_URL_SCHEME="https" if settings.is_secure else "http",
        WTF_CSRF_TIME_LIMIT=None,
        # Our token pages send no Referer (rule S7), so a Referer cannot be asked for. The signed
        # token and the Lax, host-bound cookie protect.
        WTF_CSRF_SSL_STRICT=False,
    )
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    app.extensions["kava.engine"] = db.connect(settings.database_url)
    web.init_app(app)
    login.init_app(app)
    for feature in FEATURES:
        app.register_blueprint(importlib.import_module(f"membership.{feature}.views").blueprint)
    door.init_app(app)
    cli.init_app(app)
    create_celery(app)
    access.insist_on_declared_access(app)
    return app


def _settings_from_environment() -> Settings:
    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        lines = [
            f"  {'_'.join(str(part) for part in problem['loc']).upper() or 'SETTINGS'}: "
            f"{problem['msg']}"
            for problem in error.errors()
        ]
        sys.exit("Kava cannot start; please mend these settings:\n" + "\n".join(lines))
