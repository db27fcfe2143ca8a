"""Settled rounds for the tests of participation, with who voted among whom."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.billing.models import Subscription
from membership.reports import rollups
from membership.reports.models import RoundGroup
from membership.voting.models import Round, Turnout
from tests import factories
from tests.factories import NOON
from tests.reports.giving import joins

DAY = timedelta(days=1)
CLOSED = NOON + 30 * DAY
Groups = dict[tuple[str, str, str], tuple[int, int]]


def patrons(
    session: Session, number: int, since: datetime = NOON, **values: Any
) -> list[Subscription]:
    """So many who began at the same time with the same."""
    return [joins(session, since, **values) for _ in range(number)]


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
