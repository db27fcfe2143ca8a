"""Refunds that staff asked for and Stripe has neither made nor refused for too long."""

from flask import render_template
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.accounts.models import Account
from membership.billing import giving_back
from membership.billing.models import Donation, Refund
from membership.db import transaction
from membership.staff.money.disputes import at_stripe
from membership.staff.room import FINANCE, blueprint, me
from membership.web import access

# The oldest first: as they are done, the others move up.
MOST = 100


# Below the disputes, so that their room is the one that is open.
@blueprint.get("/disputes/refunds")
@access.staff(*FINANCE)
def refunds() -> str:
    with transaction() as session:
        found = _waiting(session)
        shown = found[:MOST]
        if shown:
            audit.record(
                session,
                "refunds.listed",
                "refunds",
                actor_id=me().id,
                accounts=sorted({account.id for _refund, _donation, account in shown}),
            )
    return render_template(
        "staff/refunds.html", waiting=shown, has_more=len(found) > MOST, at_stripe=at_stripe
    )


def _waiting(session: Session) -> list[Row[Refund, Donation, Account]]:
    """The oldest with whose they are and, when there are more, one beyond them."""
    query = (
        select(Refund, Donation, Account)
        .join(Donation, Donation.id == Refund.donation_id)
        .join(Account, Account.id == Donation.account_id)
        .where(giving_back.waits_too_long())
        .order_by(Refund.created_at, Refund.id)
        .limit(MOST + 1)
    )
    return list(session.execute(query).all())
