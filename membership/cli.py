"""The `flask` commands; each calls one function of a feature.

What only one command needs and is slow to load is imported inside of it: every web process loads
this file, too.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from alembic import command as migrations
from alembic.config import Config
from alembic.util.exc import CommandError
from flask import Flask
from psycopg.errors import LockNotAvailable
from sqlalchemy.exc import OperationalError

from config.settings import settings
from membership import clock
from membership.accounts import accounts, audit
from membership.accounts.models import ROLES
from membership.arrivals.commands import patrons
from membership.articles.draft import ImportRefusedError
from membership.billing import backfill as missed_events
from membership.billing import gateway
from membership.billing.comparison import run as comparing
from membership.billing.comparison.report import report
from membership.billing.comparison.subscriptions import WrongAccountError
from membership.db import transaction
from membership.doctor.command import doctor
from membership.mail import delivery, mailbox
from membership.mail.addresses import InvalidAddressError
from membership.newsletter.commands import newsletter
from membership.reports import rollups
from membership.reports.rates.commands import rates
from membership.voting import export, rounds, tally


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
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            raise click.ClickException(
                "Somebody has held a table for more than five seconds, so nothing was changed: "
                "run this again when long queries and backups are through."
            ) from error


@click.command()
@click.argument("message")
def revision(message: str) -> None:
    """Write a new migration from what the models say and the database lacks (for developers)."""
    config = Config(toml_file="pyproject.toml")
    with transaction() as session:
        config.attributes["connection"] = session.connection()
        migrations.revision(config, message, autogenerate=True)


@click.group()
def articles() -> None:
    """Stories: bring them in."""


@articles.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@click.option(
    "--cut-after",
    metavar="TEXT",
    help="Leave out the end of each story, from the paragraph that starts with TEXT on, such as "
    "an appeal that stands under every story.",
)
@click.option(
    "--language", help="Language of the stories, such as en; otherwise the one the file names."
)
def import_articles(paths: tuple[Path, ...], cut_after: str | None, language: str | None) -> None:
    """Import WordPress exports (WXR) and Markdown files (.md, with a header).

    A story that came before is updated, never doubled. All files are imported, or none.
    """
    from membership.articles import importing

    try:
        with transaction() as session:
            summary = importing.import_files(
                session,
                paths,
                languages=settings().languages,
                language=language,
                cut_after=cut_after,
            )
    except ImportRefusedError as error:
        click.echo(f"{error}. Nothing was changed.", err=True)
        sys.exit(2)
    click.echo("\n".join(summary.lines()))


class RefusedInputError(click.ClickException):
    """An argument, or what stands in a file, is not what the command takes."""

    exit_code = 2


@click.group()
def voting() -> None:
    """Rounds and their results."""


@voting.command()
def settle() -> None:
    """Open, close and settle every round that is due (beat does this every few seconds).

    Exit status 1 when one could not take its next step. A closed round waits up to an hour for
    refunds and disputes that Stripe has told of and no worker has processed.
    """
    with transaction() as session:
        waiting = rounds.due(session)
    click.echo(f"Steps taken: {rounds.advance_all()}")
    with transaction() as session:
        stuck = [str(each) for each in rounds.due(session) if each in waiting]
    if stuck:
        raise click.ClickException(
            f"Stuck: round {', '.join(stuck)}. The log says why, unless it waits for refunds."
        )


@voting.command("export")
@click.argument("round_id", metavar="ROUND", type=int)
def export_round(round_id: int) -> None:
    """Print a settled round without names, as JSON that `voting verify` counts again."""
    with transaction() as session:
        try:
            exported = export.export(session, rounds.get(session, round_id))
        except rounds.RoundNotFoundError as error:
            raise click.ClickException(f"There is no round {round_id}.") from error
        except export.NotSettledError as error:
            raise click.ClickException(f"Round {round_id} has no result yet.") from error
    click.echo(json.dumps(exported, ensure_ascii=False, indent=2))
    if export.ballots(exported) < export.FEWEST_TO_SHOW:
        click.echo("So few ballots could tell who chose what: do not publish this file.", err=True)


@voting.command()
@click.argument("file", type=click.Path())
def verify(file: str) -> None:
    """Count an exported round again; exit status 1 when its result differs, 2 when unreadable.

    The same as the verifier that readers download.
    """
    sys.exit(tally.main([file]))


@click.group()
def staff() -> None:
    """People of the newsroom."""


@staff.command("create")
@click.argument("email")
@click.option("--role", required=True, metavar="ROLE", help=f"One of {', '.join(ROLES)}.")
def create_staff(email: str, role: str) -> None:
    """Give the account of EMAIL a role, creating the account when there is none."""
    try:
        with transaction() as session:
            account, is_changed = accounts.make_staff(session, email, role, settings().languages[0])
    except (accounts.UnknownRoleError, InvalidAddressError) as error:
        raise RefusedInputError(str(error)) from error
    now = "is now" if is_changed else "is already"
    click.echo(f"{account.email} {now} {account.role}.")


@click.group()
def billing() -> None:
    """What Stripe told us, and what it did not."""


@billing.command()
@click.option(
    "--since",
    required=True,
    metavar="DAYS|DATE",
    callback=lambda _context, _option, value: _since(value),
    help="How far to look back: a number of days, or a date such as 2026-11-01 (UTC).",
)
def backfill(since: datetime) -> None:
    """Fetch the events that never reached us, and try failed ones again. Stripe keeps 30 days."""
    try:
        found = missed_events.backfill(since)
    except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
        raise click.ClickException(f"Stripe did not answer: {error}") from error
    click.echo(
        f"Stripe has {found.seen} events since then; {found.missing} of ours were missing, "
        f"{found.again} are tried again."
    )


@billing.command()
def reconcile() -> None:
    """Compare all that Stripe has with ours, and repair; exit status 1 when something stays."""
    try:
        done = comparing.run_now()
    except comparing.RunningError as error:
        raise click.ClickException(f"{error} Look at /staff/differences.") from error
    except WrongAccountError as error:
        raise click.ClickException(f"{error} Nothing was changed.") from error
    except (gateway.StripeUnavailableError, gateway.StripeRefusedError) as error:
        raise click.ClickException(f"Stripe did not answer: {error}") from error
    with transaction() as session:
        found = report(session, done)
    click.echo("\n".join(found.lines()))
    if found.unrepaired:
        raise click.ClickException(f"Could not be repaired: {found.unrepaired}")


def _since(text: str) -> datetime:
    try:
        if text.isdecimal():
            return clock.now() - timedelta(days=int(text))
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter("say a number of days, or a date such as 2026-11-01") from error


@click.group()
def mail() -> None:
    """Mail that is due."""


@mail.command()
def deliver() -> None:
    """Send what is due (beat does this every minute)."""
    outcome = delivery.deliver_due()
    said = ", ".join(f"{count} {state}" for state, count in sorted(outcome.items()))
    click.echo(f"{said or 'Nothing was due'}.")


@mail.command("bounces")
@click.argument("path")
def take_bounces(path: str) -> None:
    """Take the reports of mail servers (RFC 3464, RFC 5965) out of PATH.

    PATH is a Maildir, an mbox, or one message; "-" reads one from standard input. Nothing in it is
    changed, and what was taken before is not taken again. Exit status 2 when there is none.
    """
    try:
        found = mailbox.take_all(path)
    except mailbox.NoMailboxError as error:
        raise RefusedInputError(str(error)) from error
    new = [found[kind] for kind in ("hard_bounce", "soft_bounce", "complaint")]
    click.echo(f"Messages read: {found['messages']}, reports in them: {found['reports']}.")
    if found["unreadable"]:
        click.echo(f"Unreadable, and passed over: {found['unreadable']}.")
    click.echo("New: hard bounces {}, soft bounces {}, complaints {}.".format(*new))
    click.echo(f"Known before, or not about us: {found['reports'] - sum(new)}.")


@click.group("audit")
def audit_log() -> None:
    """The audit log."""


@audit_log.command("verify")
def verify_audit_log() -> None:
    """Check that no entry was changed; exit status 1 when one was."""
    with transaction() as session:
        try:
            found = audit.verify(session)
        except audit.BrokenChainError as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"Entries: {found.entries}, none changed. Last hash: {found.last_hash.hex()}")


@click.group()
def reports() -> None:
    """Figures of the dashboards."""


@reports.command()
def rebuild() -> None:
    """Work out every day's figures anew, from the ledger and the donations."""
    with transaction() as session:
        written = rollups.rebuild(session)
    click.echo(f"Daily figures written: {written}")


@click.group("export")
def exports() -> None:
    """What the newsroom has, to take along."""


@exports.command("everything")
@click.argument("path", type=click.Path(path_type=Path))
def export_everything(path: Path) -> None:
    """Write everything of the newsroom to PATH: .zip for CSV files, .sqlite for a SQLite file.

    Without secrets and the ballots of open rounds; a README inside says what is left out. Exit
    status 2 when PATH is there already.
    """
    from membership.exports import everything

    if path.suffix not in (".zip", ".sqlite"):
        raise RefusedInputError("Let PATH end in .zip or .sqlite.")
    try:
        with transaction() as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            rows = everything.write(session, path)
    except FileExistsError as error:
        raise RefusedInputError(f"{path} is there already: nothing was written.") from error
    except FileNotFoundError as error:
        raise RefusedInputError(f"There is no folder {path.parent}.") from error
    click.echo(f"Rows written to {path}: {rows}. It holds names and addresses: keep it safe.")


@click.command()
@click.option("--patrons", type=click.IntRange(1, 1_000_000), default=300, show_default=True)
@click.option("--months", type=click.IntRange(1, 120), default=14, show_default=True)
def seed(patrons: int, months: int) -> None:
    """Fill an empty database with a newsroom to look at; nothing of it is ever mailed."""
    from membership.seed import plant

    try:
        with transaction() as session:
            summary = plant.plant(session, settings(), patrons=patrons, months=months)
    except plant.NotEmptyError as error:
        raise RefusedInputError(str(error)) from error
    click.echo("The newsroom stands:")
    click.echo("\n".join(summary.lines()))


def init_app(app: Flask) -> None:
    groups = (
        articles,
        voting,
        staff,
        billing,
        mail,
        newsletter,
        patrons,
        audit_log,
        reports,
        rates,
        exports,
    )
    for each in (migrate, revision, seed, doctor, *groups):
        app.cli.add_command(each)
