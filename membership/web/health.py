"""Whether the process lives (/healthz) and whether it can do its work (/readyz)."""

from collections.abc import Callable
from typing import Any

import redis
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config.settings import settings
from membership.db import transaction
from membership.web import access

blueprint = Blueprint("health", __name__)
Tell = Callable[[Session], Any]
_told: dict[str, Tell] = {}


def also_tell(name: str, tell: Tell) -> None:
    """Let /readyz tell something more under `name`, JSON, which decides nothing."""
    _told[name] = tell


@blueprint.get("/healthz")
@access.anyone
def alive() -> Response:
    return jsonify(status="alive")


@blueprint.get("/readyz")
@access.anyone
def ready() -> tuple[Response, int]:
    """200 when database, Redis and migrations are right; 503 with what is not."""
    checks = {"redis": redis_answers()}
    told = {}
    try:
        with transaction() as session:
            checks |= {"database": True, "migrations": is_migrated(session)}
            if checks["migrations"]:
                told = {name: tell(session) for name, tell in _told.items()}
    except SQLAlchemyError:
        checks |= {"database": False, "migrations": False}
    return jsonify(checks | told), 200 if all(checks.values()) else 503


def redis_answers() -> bool:
    try:
        with redis.Redis.from_url(settings().redis_url, socket_timeout=2) as connection:
            return bool(connection.ping())
    except redis.RedisError:
        return False


def is_migrated(session: Session) -> bool:
    """Whether the database has the newest migration that this code knows, or a newer one.

    Every migration suits the release before it, which goes on answering until it is replaced.
    """
    current = MigrationContext.configure(session.connection()).get_current_revision()
    known = ScriptDirectory.from_config(Config(toml_file="pyproject.toml"))
    older = {each.revision for each in known.walk_revisions()} - {known.get_current_head()}
    return current is not None and current not in older
