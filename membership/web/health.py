"""Whether the process lives (/healthz) and whether it can do its work (/readyz)."""

import redis
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from config.settings import settings
from membership.db import transaction
from membership.web import access

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@access.anyone
def alive() -> Response:
    return jsonify(status="alive")


@blueprint.get("/readyz")
@access.anyone
def ready() -> tuple[Response, int]:
    """200 when database, Redis and migrations are right; 503 with what is not."""
    checks = {"redis": _redis_answers(), **_database_checks()}
    return jsonify(checks), 200 if all(checks.values()) else 503


def _redis_answers() -> bool:
    try:
        with redis.Redis.from_url(settings().redis_url, socket_timeout=2) as connection:
            return bool(connection.ping())
    except redis.RedisError:
        return False


def _database_checks() -> dict[str, bool]:
    try:
        with transaction() as session:
            current = MigrationContext.configure(session.connection()).get_current_revision()
    except SQLAlchemyError:
        return {"database": False, "migrations": False}
    newest = ScriptDirectory.from_config(Config(toml_file="pyproject.toml")).get_current_head()
    return {"database": True, "migrations": current == newest}
