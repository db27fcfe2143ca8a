"""Settled rounds for the tests of participation, with who voted among whom."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.models import Donation, LedgerEntry, Subscription
from membership.reports import rollups
from membership.reports.models import RoundGroup
from membership.voting.models import Round, Turnout
from tests import factories
from tests.factories import NOON

DAY = timedelta(days=1)
CLOSED = NOON + 30 * DAY
Groups = dict[tuple[str, str, str], tuple[int, int]]


def patrons(
    session: Session, number: int, since: datetime = NOON, **values: Any
) -> list[Subscription]:
    """So many who began at the same time with the same; written together, as they are many."""
    own = [next(factories.numbers) for _ in range(number)]
    people = [Account(email=f"patron{each}@example.org", language="en") for each in own]
    session.add_all(people)
    session.flush()
    terms = {"amount_minor": 400, "currency": "EUR", "interval": "month"} | values
    dates = {"started_at": since, "current_period_end_at": since + 31 * DAY}
    given = [
        Subscription(
            account_id=person.id,
            stripe_subscription_id=f"sub_{each}",
            stripe_customer_id=f"cus_{each}",
            state="active",
            **terms,
            **dates,
        )
        for each, person in zip(own, people, strict=True)
    ]
    session.add_all(given)
    session.flush()
    money = {"amount_minor": terms["amount_minor"], "currency": terms["currency"]}
    for each in given:
        theirs = {"subscription_id": each.id, "account_id": each.account_id, **money}
        paid = {"stripe_invoice_id": f"in_{each.id}", "paid_at": since, "created_at": since}
        entry = {"movement": "new", "occurred_at": since, "created_at": since}
        session.add_all([Donation(**theirs, **paid), LedgerEntry(**theirs, **entry)])
    session.flush()
    return given


def settled(
    session: Session, voters: Iterable[Subscription], closes_at: datetime = CLOSED, **values: Any
) -> Round:
    """A settled round with its turnout roll."""
    held = factories.round_(
        session, state="settled", opens_at=closes_at - 5 * DAY, closes_at=closes_at, **values
    )
    session.add_all(Turnout(round_id=held.id, account_id=each.account_id) for each in voters)
    session.flush()
    return held


def count(session: Session, at: datetime = CLOSED + DAY) -> None:
    """What beat does after settling, until there is nothing more to count."""
    with clock.fixed(at):
        while rollups.rounds.freeze_next(session):
            pass


def groups(session: Session, held: Round) -> Groups:
    """The frozen groups of a round: (patrons, voters) by name, currency and part."""
    session.expire_all()
    rows = session.scalars(select(RoundGroup).where(RoundGroup.round_id == held.id))
    return {(row.name, row.currency, row.part): (row.patrons, row.voters) for row in rows}


def account(session: Session, given: Subscription) -> Account:
    return session.get_one(Account, given.account_id)
