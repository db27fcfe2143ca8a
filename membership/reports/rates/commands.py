"""`flask rates …`: exchange rates, in."""

import sys
from pathlib import Path

import click

from membership.db import transaction
from membership.reports import rates as kept
from membership.reports.rates.files import NotRatesError


@click.group()
def rates() -> None:
    """Exchange rates, for the view in euro."""


@rates.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_rates(file: Path) -> None:
    """Take the daily rates of our currencies in FILE, as the European Central Bank publishes them.

    eurofxref-hist.zip or the CSV in it, or the XML. For a currency that the bank does not have,
    write a CSV of the same form: “Date,UAH”, then a day and a rate a line. May be repeated.
    """
    try:
        with transaction() as session:
            done = kept.bring_in(session, file.read_bytes(), file.name)
    except NotRatesError as error:
        click.echo(f"{error} Nothing was changed.", err=True)
        sys.exit(2)
    click.echo(
        f"Rates: {done.rates} of {len(done.currencies)} currencies until {done.newest}, "
        f"{done.written} of them new."
    )
