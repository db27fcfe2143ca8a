"""What banks take back or warn of, with the day to answer by."""

from dataclasses import dataclass
from datetime import datetime

from flask import render_template, request
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.accounts import audit
from membership.accounts.models import Account
from membership.billing.models import Dispute, Donation
from membership.db import transaction
from membership.reports import stripe_words
from membership.staff.room import FINANCE, blueprint, me
from membership.web import access

PAGE = 50
# Of the open ones, next deadline first: as they are answered, the others move up.
MOST_OPEN = 100
DASHBOARD = "https://dashboard.stripe.com"
# From here on a deadline is near.
SOON_DAYS = 3
# In these states it is our turn.
OUR_TURN = frozenset({"needs_response", "warning_needs_response", "actionable"})


Query = Select[Dispute, Donation, Account]


@dataclass(frozen=True)
class Case:
    """A dispute or warning, whose it is, and its page at Stripe.

    `days_left` are whole days until the deadline, negative after it; None without one, or when it
    is not our turn.
    """

    dispute: Dispute
    donation: Donation
    account: Account
    url: str
    days_left: int | None


@blueprint.get("/disputes")
@access.staff(*FINANCE)
def disputes() -> str:
    is_closed = request.args.get("state") == "closed"
    page = PAGE if is_closed else MOST_OPEN
    with transaction() as session:
        if is_closed:
            found = _closed(session, request.args.get("before", type=int))
        else:
            found = _open(session)
        cases, has_more = found[:page], len(found) > page
        if cases:
            audit.record(
                session,
                "disputes.listed",
                "disputes",
                actor_id=me().id,
                accounts=sorted({each.account.id for each in cases}),
            )
    return render_template(
        "staff/disputes.html",
        cases=cases,
        has_more=has_more,
        is_closed=is_closed,
        our_turn=OUR_TURN,
        soon=SOON_DAYS,
        words=stripe_words,
    )


def _open(session: Session) -> list[Case]:
    """The most urgent and, when there are more, one beyond them.

    First those that wait for us, next deadline first.
    """
    waits = Dispute.status.in_(OUR_TURN)
    order = waits.desc(), Dispute.due_at.nulls_last(), Dispute.id
    # First which, then whose: else the payments of all that are open would be read.
    urgent = select(Dispute.id).where(Dispute.closed_at.is_(None)).order_by(*order)
    urgent = urgent.limit(MOST_OPEN + 1)
    return _cases(session, _query().where(Dispute.id.in_(urgent)).order_by(*order))


def _closed(session: Session, before: int | None) -> list[Case]:
    """One page and, when there are more, one beyond it; newest first."""
    query = _query().where(Dispute.closed_at.is_not(None))
    if before is not None:
        query = query.where(Dispute.id < before)
    return _cases(session, query.order_by(Dispute.id.desc()).limit(PAGE + 1))


def _query() -> Query:
    return (
        select(Dispute, Donation, Account)
        .join(Donation, Donation.id == Dispute.donation_id)
        .join(Account, Account.id == Donation.account_id)
    )


def _cases(session: Session, query: Query) -> list[Case]:
    now = clock.now()
    return [
        Case(dispute, donation, account, at_stripe(donation), _days_left(dispute, now))
        for dispute, donation, account in session.execute(query)
    ]


def _days_left(dispute: Dispute, now: datetime) -> int | None:
    if dispute.due_at is None or dispute.status not in OUR_TURN:
        return None
    return (dispute.due_at - now).days


def at_stripe(donation: Donation) -> str:
    """The page of its payment; there, Stripe answers warnings and disputes as well."""
    world = "" if settings().is_live else "/test"
    return f"{DASHBOARD}{world}/payments/{donation.stripe_payment_intent_id}"
