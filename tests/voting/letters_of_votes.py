"""Rounds that are due to be told of, and what the outbox holds of them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.db import database_now
from membership.mail.models import OutboxEmail
from membership.voting import paper, rounds
from membership.voting.models import Round, Topic
from tests import factories

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def held(
    session: Session,
    topics: Sequence[Topic] = (),
    *,
    began: timedelta = HOUR,
    lasts: timedelta = 4 * DAY,
    **values: Any,
) -> Round:
    """An open round that began so long ago by the database's clock."""
    opens_at = database_now(session) - began
    return factories.round_(
        session, topics, opens_at=opens_at, closes_at=opens_at + lasts, **values
    )


def vote(session: Session, round_: Round, voter: Account, *topics: Topic) -> None:
    chosen = topics or paper.options(session, round_.id)[:1]
    rounds.cast(session, round_.id, voter.id, [topic.id for topic in chosen])


def settle(session: Session, round_: Round) -> None:
    """Close the round now and count it, as a worker would."""
    round_.closes_at = database_now(session)
    session.flush()
    while rounds.advance(session, round_.id):
        pass
    session.refresh(round_)


def letters(session: Session, kind: str) -> list[OutboxEmail]:
    """All of a kind, in the order of their writing."""
    asked = select(OutboxEmail).where(OutboxEmail.kind == kind).order_by(OutboxEmail.id)
    return list(session.scalars(asked))


def told(session: Session, kind: str) -> list[str]:
    return [letter.recipient for letter in letters(session, kind)]


def addresses(*accounts: Account) -> list[str]:
    return [account.email for account in accounts]
