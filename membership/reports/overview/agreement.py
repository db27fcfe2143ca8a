"""Whether the books agree, among themselves and with Stripe's (rule D7): tables, and rows."""

from collections.abc import Iterable

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.billing.comparison.models import Difference as StripeDifference
from membership.reports import stripe_words
from membership.reports.overview.glance import Glance
from membership.reports.overview.running import Difference, unbalanced
from membership.reports.report import Column, Table

SHOWN_DIFFERENCES = 10


def invariant(seen: Iterable[Glance], wrong: tuple[Difference, ...]) -> Table:
    """The ledger against what runs, by currency."""
    return Table(
        key="invariant",
        title=_("The books do not agree") if wrong else _("The books agree in every currency"),
        columns=(
            Column("currency", _("Currency"), "text"),
            Column("ledger", _("Sum of the ledger"), "money"),
            Column("running", _("Worth of running support"), "money"),
            Column("difference", _("Difference"), "money"),
        ),
        rows=tuple(
            (each.currency, ledger, worth, ledger - worth)
            for each in seen
            for ledger, worth in [(each.running.minor("ledger"), each.running.mrr)]
        ),
        behind="differences",
    )


def unbalanced_support(session: Session, wrong: tuple[Difference, ...]) -> Iterable[Table]:
    """The support whose entries do not sum to its worth, where the books disagree."""
    found = unbalanced(session, [each.currency for each in wrong])
    if found:
        yield Table(
            key="unbalanced",
            title=_("Support whose ledger does not sum to its worth"),
            columns=(
                Column("subscription", _("Support"), "text"),
                Column("currency", _("Currency"), "text"),
                Column("ledger", _("Sum of the ledger"), "money"),
                Column("running", _("Worth of running support"), "money"),
            ),
            rows=tuple(
                (f"#{row['id']}", row["currency"], row["ledger_minor"], row["running_minor"])
                for row in found
            ),
            links=tuple(f"patrons/{row['account_id']}" for row in found),
        )


def differences(session: Session) -> Iterable[Table]:
    """What the nightly comparison could not repair, if anything."""
    found = session.execute(
        select(
            StripeDifference.created_at,
            StripeDifference.kind,
            StripeDifference.stripe_id,
            StripeDifference.account_id,
        )
        .where(StripeDifference.repaired_at.is_(None))
        .order_by(StripeDifference.id.desc())
        .limit(SHOWN_DIFFERENCES)
    ).all()
    if found:
        yield Table(
            key="differences",
            title=_("Differences from Stripe that could not be repaired"),
            columns=(
                Column("stripe_id", _("Id at Stripe"), "text"),
                Column("kind", _("What"), "text"),
                Column("day", _("Found"), "day"),
            ),
            rows=tuple(
                (row.stripe_id, str(stripe_words.DIFFERENCE[row.kind]), row.created_at.date())
                for row in found
            ),
            links=tuple(f"patrons/{row.account_id}" if row.account_id else "" for row in found),
            behind="differences?state=open",
        )
