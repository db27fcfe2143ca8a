"""Who gives: the list and each patron's story, for those who may see names with amounts.

Each look at donor data stands in the audit log (rules S8, S9).
"""

from flask import render_template, request

from config.settings import settings
from membership.accounts import audit
from membership.accounts.models import Account
from membership.billing import giving_back
from membership.billing.papers import issued
from membership.db import transaction
from membership.exports import models as _exports  # noqa: F401
from membership.reports import patrons as listing
from membership.reports import words
from membership.reports.timeline import timeline
from membership.staff.forms import NoteForm
from membership.staff.room import FINANCE, blueprint, found, me
from membership.web import access

SHOWN_DONATIONS = 60


@blueprint.get("/patrons")
@access.staff(*FINANCE)
def patrons() -> str:
    filters = listing.Filters(
        text=request.args.get("q", "").strip()[:200],
        state=_known(request.args.get("state", ""), (*words.SUBSCRIPTION, listing.ONCE)),
        currency=_known(request.args.get("currency", ""), settings().currencies),
    )
    with transaction() as session:
        page = listing.page(
            session,
            filters,
            before=request.args.get("before", type=int),
            after=request.args.get("after", type=int),
        )
        audit.record(
            session,
            "patrons.listed",
            "patrons",
            actor_id=me().id,
            accounts=[patron.account.id for patron in page.patrons],
        )
    return render_template(
        "staff/patrons.html",
        page=page,
        filters=filters,
        words=words,
        currencies=[(code, code) for code in settings().currencies],
    )


@blueprint.get("/patrons/<int:account_id>")
@access.staff(*FINANCE)
def patron(account_id: int) -> str:
    return page_of(account_id, NoteForm())


def page_of(account_id: int, note: NoteForm) -> str:
    """One patron's page, with a note as it was typed."""
    with transaction() as session:
        account: Account = found(session.get(Account, account_id))
        entries = timeline(session, account)
        line = listing.line(session, account)
        papers = issued.of_account(session, account.id)
        donations = giving_back.newest_of(session, account.id, SHOWN_DONATIONS)
        audit.record(session, "patron.viewed", f"account:{account.id}", actor_id=me().id)
    return render_template(
        "staff/patron.html",
        line=line,
        entries=entries,
        papers=papers,
        donations=donations,
        note=note,
        words=words,
    )


def _known(value: str, values: tuple[str, ...]) -> str:
    """`value` if it is one that can be filtered by, else nothing."""
    return value if value in values else ""
