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


def init_app(app: Flask) -> None:
    for each in (migrate,):
        app.cli.add_command(each)
