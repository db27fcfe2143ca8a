"""`flask newsletter …`: lists of readers, in and out."""

from pathlib import Path

import click

from config.settings import settings
from membership.db import transaction
from membership.newsletter import lists


@click.group()
def newsletter() -> None:
    """Readers of the weekly letter."""


@newsletter.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--confirmed-elsewhere",
    is_flag=True,
    help="Everybody in the file has said yes to such a letter, and you can show it.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
def import_readers(file: Path, confirmed_elsewhere: bool, dry_run: bool) -> None:
    """Take the addresses in FILE as readers: a CSV file, or one address a line.

    Columns: address, and language if you have it; a header is optional. Each line that is not
    taken is named with its reason. Nobody is asked by mail: without --confirmed-elsewhere nothing
    is done. All of the file is taken, or nothing.
    """
    if not confirmed_elsewhere:
        raise click.UsageError(
            "Say --confirmed-elsewhere if all of them have consented; others must ask for the "
            "letter themselves. Nothing was changed."
        )
    languages = settings().languages
    try:
        with transaction() as session:
            outcome = lists.bring_in(session, lists.read(file.read_bytes(), languages), languages)
            if dry_run:
                session.rollback()
    except lists.UnreadableListError as error:
        raise click.UsageError(f"{error} Nothing was changed.") from error
    click.echo("\n".join(outcome.lines()))
    if dry_run:
        click.echo("This was a rehearsal: nothing was changed.")


@newsletter.command("export")
def export_readers() -> None:
    """Print the readers as CSV that `import` takes."""
    with transaction() as session:
        for line in lists.take_out(session):
            click.echo(line, nl=False)
