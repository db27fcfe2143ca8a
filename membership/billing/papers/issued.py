"""The papers of an account: what was issued, and whether it still tells how things are."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from membership import clock
from membership.billing.papers import donations, facts
from membership.billing.papers.models import Paper


@dataclass(frozen=True)
class Issued:
    """One line of the list. `is_current`: what it tells of donations has not changed since."""

    number: str
    kind: str
    issued_at: datetime
    from_on: date | None
    to_on: date | None
    is_current: bool


def of_account(session: Session, account_id: int) -> list[Issued]:
    """Every paper of an account, newest first."""
    given = donations.of_account(session, account_id)
    papers = session.scalars(
        select(Paper)
        .where(Paper.is_of(account_id))
        .order_by(Paper.id.desc())
        # Nobody needs the PDFs here.
        .options(defer(Paper.pdf))
    )
    return [
        Issued(
            number=paper.number,
            kind=paper.kind,
            issued_at=paper.issued_at,
            from_on=paper.from_on,
            to_on=paper.to_on,
            is_current=_now(paper, given)["gifts"] == paper.facts["gifts"],
        )
        for paper in papers
    ]


def find(session: Session, number: str, account_id: int | None = None) -> Paper | None:
    """The paper of this number; with `account_id`, only one of that account."""
    query = select(Paper).where(Paper.number == number)
    if account_id is not None:
        query = query.where(Paper.is_of(account_id))
    return session.scalar(query)


def newest_giver(session: Session, account_id: int) -> dict[str, str] | None:
    """Name and address as they stood on an account's newest paper."""
    found: dict[str, str] | None = session.scalar(
        select(Paper.facts["giver"])
        .where(Paper.is_of(account_id))
        .order_by(Paper.id.desc())
        .limit(1)
    )
    return found


def _now(paper: Paper, given: list[facts.Given]) -> facts.Facts:
    """What a paper would tell today."""
    if paper.from_on is not None and paper.to_on is not None:
        return facts.statement(given, paper.from_on, paper.to_on, clock.newsroom_zone())
    (about,) = (each for each in given if each.id == paper.donation_id)
    return facts.receipt(about, clock.newsroom_zone())
