"""`flask patrons import …`: patrons who come from elsewhere."""

import hashlib
from pathlib import Path

import click
from flask_babel import force_locale

from config.settings import settings
from membership.arrivals import adopted, files, runs, words
from membership.arrivals.models import SOURCES
from membership.arrivals.summary import COUNTS, ENTITLED, LETTERS, Summary
from membership.arrivals.table import UnreadableFileError
from membership.billing import gateway
from membership.billing.elsewhere.models import SOURCES as SOURCES_ELSEWHERE
from membership.db import transaction
from membership.money import Money, display

EXPORT = click.Path(exists=True, dir_okay=False, path_type=Path)
REHEARSAL = "This was a rehearsal: nothing was changed."
UNASKED = (
    "Who is new gets no mail, neither of votes nor of campaigns nor the monthly letter, before "
    "they have signed in or given here. With --welcome, they get one now, and all others then."
)


@click.group()
def patrons() -> None:
    """Who supports us."""


@patrons.command("import")
@click.argument("source", metavar="|".join(SOURCES), type=click.Choice(SOURCES))
@click.argument("file", required=False, type=EXPORT)
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--welcome", is_flag=True, help="Mail who is new, once; else nobody is mailed.")
@click.option(
    "--only",
    multiple=True,
    metavar="ID",
    help="From Stripe: take the subscriptions of this price or product; may be repeated.",
)
def import_patrons(
    source: str, file: Path | None, dry_run: bool, welcome: bool, only: tuple[str, ...]
) -> None:
    """Bring in patrons from Stripe, or from the export FILE of Patreon, Steady or Ghost.

    From Stripe, the running subscriptions of the account become ours, with all that was paid for
    them. Who pays elsewhere goes on paying there and is a patron here until the paid period ends.
    Done again, it changes nothing; with a newer export, it brings what is new. All of a file is
    taken, or nothing. Exit status 2 when it is not such a file.
    """
    if (source == "stripe") is (file is not None):
        raise click.UsageError("Name the export’s file; from Stripe, there is none.")
    if welcome and source not in words.WELCOME:
        raise click.UsageError("--welcome is for patrons; by this export nobody becomes one.")
    if only and source != "stripe":
        raise click.UsageError("--only is for subscriptions at Stripe.")
    with force_locale("en"):
        if file is None:
            _from_stripe(set(only) or None, dry_run=dry_run, welcome=welcome)
        else:
            _from_file(source, file, dry_run=dry_run, welcome=welcome)


def _from_file(source: str, file: Path, *, dry_run: bool, welcome: bool) -> None:
    try:
        with file.open("rb") as opened, transaction() as session:
            languages = settings().languages
            if dry_run:
                summary = files.rehearse(session, source, opened, languages)
            else:
                summary = files.bring_in(session, source, opened, languages, with_welcome=welcome)
                opened.seek(0)
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
                runs.keep_done(session, source, summary, with_welcome=welcome, file=digest)
    except UnreadableFileError as error:
        raise click.UsageError(f"{words.failed(str(error))} Nothing was changed.") from error
    _say(source, summary)
    if source in SOURCES_ELSEWHERE and not welcome:
        click.echo(UNASKED)
    click.echo(REHEARSAL if dry_run else "Done.")


def _from_stripe(only: set[str] | None, *, dry_run: bool, welcome: bool) -> None:
    try:
        summary = adopted.look(settings().currencies, only)
        if not dry_run:
            wanted, summary.counts["new"] = summary.ids, 0
            for stripe_id in wanted:
                refused = runs.take_over(stripe_id, with_welcome=welcome)
                if refused is None:
                    summary.counts["new"] += 1
                else:
                    summary.refuse(stripe_id, *refused)
    except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
        raise click.ClickException(
            f"Stripe did not answer: {error} What was taken over until now stays; run it again."
        ) from error
    if not dry_run:
        with transaction() as session:
            runs.keep_done(session, "stripe", summary, with_welcome=welcome)
    _say("stripe", summary)
    click.echo(REHEARSAL if dry_run else "Done.")


def _say(source: str, summary: Summary) -> None:
    for heading, field in summary.mapping:
        click.echo(f"{heading} → {words.FIELD[field] if field else 'not looked at'}")
    for each in summary.groups:
        amount = display(Money(each.amount_minor, each.currency), "en")
        click.echo(
            f"{each.count} × {amount} a {each.interval}, {each.state}: "
            f"{each.name or each.price_id} (price {each.price_id}, product {each.product_id})"
        )
    for problem in summary.problems:
        place = f"Line {problem.place}" if problem.place.isdecimal() else problem.place
        click.echo(f"{place}: {words.sentence(problem)}")
    called = words.counts(source)
    for name in (*COUNTS, ENTITLED, *LETTERS):
        if summary.counts[name]:
            click.echo(f"{called[name]}: {summary.counts[name]}")
