"""The command `flask doctor`."""

import json
from dataclasses import asdict
from functools import partial

import click
from flask import current_app

from membership.doctor import mail, payments, sender, servers
from membership.doctor.findings import WRONG, Check, examine
from membership.doctor.names import Names
from membership.mail import letters


@click.command()
@click.option(
    "--selector",
    "selectors",
    multiple=True,
    metavar="NAME",
    help="A DKIM selector that the mail provider signs with; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(selectors: tuple[str, ...], as_json: bool) -> None:
    """Look whether all that this site stands on is as it must be: one line for each check.

    Nothing is changed. Exit status 1 when something is wrong; a warning can wait.
    """
    found = examine(checks(selectors))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(each.line() for each in found))
    if any(each.state == WRONG for each in found):
        raise SystemExit(1)


def checks(selectors: tuple[str, ...]) -> list[tuple[str, Check]]:
    """Every check with what it is about, in the order of its lines."""
    names: Names = current_app.extensions.setdefault("kava.names", Names())
    domain = letters.sender().domain
    return [
        ("PostgreSQL", servers.database),
        ("Redis", servers.redis),
        ("Worker and beat", servers.workers),
        ("Mail server", servers.mail_server),
        ("Letters", mail.written),
        ("List-Unsubscribe", mail.leaving),
        ("Bounces", mail.told),
        ("SPF", partial(sender.spf, names, domain)),
        ("DKIM", partial(sender.dkim, names, domain, selectors)),
        ("DMARC", partial(sender.dmarc, names, domain)),
        ("Alignment", partial(sender.alignment, names, domain, selectors)),
        ("Stripe", payments.stripe),
    ]
