"""One patron's page: what they give and gave, and one story of everything.

Each look at donor data stands in the audit log (rules S8, S9).
"""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from membership import clock
from membership.accounts import accounts, audit
from membership.accounts.models import Account
from membership.billing import giving, giving_back
from membership.billing.elsewhere import support as elsewhere
from membership.billing.manage import plan
from membership.billing.manage.agreement import agreement_of
from membership.billing.models import Subscription
from membership.billing.papers import issued
from membership.db import transaction
from membership.patrons import tags
from membership.reports import lifetime, timeline, words
from membership.staff.forms import NoteForm
from membership.staff.room import FINANCE, blueprint, found, me
from membership.web import access

SHOWN_DONATIONS = 60


@blueprint.get("/patrons/<int:account_id>")
@access.staff(*FINANCE)
def patron(account_id: int) -> str | Response:
    """`show`: one of timeline.KINDS; `before`: where an older page of the story begins."""
    return page_of(account_id, NoteForm())


def page_of(account_id: int, note: NoteForm) -> str | Response:
    """One patron's page, with a note as it was typed; on to the account that was kept."""
    kind = request.args.get("show", "")
    kind = kind if kind in timeline.KINDS else ""
    with transaction() as session:
        account: Account = found(accounts.kept(session, account_id))
        if account.id != account_id:
            return redirect(url_for("staff.patron", account_id=account.id))
        story = timeline.page(session, account, kind, request.args.get("before", ""))
        given = giving.of_account(session, account.id)
        support = given.subscription
        values = {
            "story": story,
            "tags": tags.of(session, [account.id]).get(account.id, []),
            "support": support,
            "gift_until": given.gift_until,
            "elsewhere": elsewhere.of_account(session, account.id),
            "may": _may(support),
            "lifetime": lifetime.of_account(session, account.id),
            "papers": issued.of_account(session, account.id),
            "donations": giving_back.newest_of(session, account.id, SHOWN_DONATIONS),
        }
        audit.record(session, "patron.viewed", f"account:{account.id}", actor_id=me().id)
    return render_template(
        "staff/patron.html",
        account=account,
        note=note,
        kind=kind,
        kinds=timeline.KINDS,
        words=words,
        now=clock.now(),
        **values,
    )


def _may(support: Subscription | None) -> frozenset[plan.Act]:
    """What staff can do with the support as it stands."""
    return frozenset() if support is None else plan.acts_in(agreement_of(support))
