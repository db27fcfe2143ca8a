"""Alembic: runs on the connection that the `flask migrate` command hands over."""

import importlib

from alembic import context

from membership.db import Base

TABLES = (
    "accounts",
    "arrivals",
    "articles",
    "billing",
    "billing.comparison",
    "billing.defence",
    "billing.dunning",
    "billing.elsewhere",
    "billing.gifts",
    "billing.papers",
    "campaigns",
    "counts",
    "exports",
    "mail",
    "newsletter",
    "patrons",
    "reports",
    "voting",
)
for feature in TABLES:
    importlib.import_module(f"membership.{feature}.models")

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_server_default=True,
)
with context.begin_transaction():
    # Who waits for a table holds up all that come after; the release that runs must not stand
    # still for it.
    context.execute("SET LOCAL lock_timeout = '5s'")
    context.run_migrations()
