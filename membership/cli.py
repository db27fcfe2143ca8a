"""The `flask` commands; each calls one function of a feature."""

import click
from alembic import command as migrations
from alembic.config import Config
from alembic.util.exc import CommandError
from flask import Flask

from membership.db import transaction


@click.command()
@click.option("--check", is_flag=True, help="Only say whether a migration is missing.")
def migrate(check: bool) -> None:
    """Bring the database to the newest migration."""
    config = Config(toml_file="pyproject.toml")
    with transaction() as session:
        config.attributes["connection"] = session.connection()
        try:
            migrations.check(config) if check else migrations.upgrade(config, "head")
        except CommandError as error:
            raise click.ClickException(str(error)) from error


@click.command()
@click.argument("message")
def revision(message: str) -> None:
    """Write a new migration from what the models say and the database lacks (for developers)."""
    config = Config(toml_file="pyproject.toml")
    with transaction() as session:
        config.attributes["connection"] = session.connection()
        migrations.revision(config, message, autogenerate=True)


def init_app(app: Flask) -> None:
    for each in (migrate, revision):
        app.cli.add_command(each)
