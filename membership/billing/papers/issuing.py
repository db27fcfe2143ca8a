"""Issuing papers: numbered without gaps, and frozen (rule B18).

What stands on a paper and its PDF are kept as they were issued; the database refuses to change
them. A donation has one receipt. A statement over the same days is issued again when something
has changed since, under a number of its own, and says which one it replaces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from config.settings import settings
from membership import clock
from membership.billing import givers
from membership.billing.models import Donation
from membership.billing.papers import donations, facts
from membership.billing.papers.models import Paper, PaperCounter
from membership.billing.papers.typesetting import typeset
from membership.billing.papers.wording import words
from membership.db import lock

Kind = Literal["receipt", "statement"]
LETTER = {"receipt": "R", "statement": "S"}
# What makes two papers over the same days differ only as two issues do.
OF_THE_ISSUE = frozenset({"number", "issued_on", "replaces"})


class NotReceiptedError(ValueError):
    """The money of this donation is not with us: "given back", or "disputed" by the bank."""

    def __init__(self, why: Literal["given back", "disputed"]) -> None:
        super().__init__(f"no receipt for a donation that is {why}")
        self.why = why


class UnfitRangeError(ValueError):
    """No statement can be made of these days; `why` as facts.unfit_range() says."""

    def __init__(self, why: facts.UnfitRange) -> None:
        super().__init__(f"no statement of days that are {why}")
        self.why = why


class NothingGivenError(ValueError):
    """Nothing was given in these days that a statement could count."""


@dataclass(frozen=True)
class Giver:
    """As the giver wants to stand on the paper; both may be empty, the address may have lines."""

    name: str = ""
    address: str = ""


def receipt_of(session: Session, donation_id: int) -> Paper | None:
    """The receipt that was issued for a donation."""
    return session.scalar(select(Paper).where(Paper.donation_id == donation_id))


def receipt(session: Session, donation: Donation, giver: Giver, language: str) -> Paper:
    """The receipt of a donation: issued now, or the one that was issued before.

    Raises NotReceiptedError.
    """
    account = givers.kept(session, donation.account_id)
    found = receipt_of(session, donation.id)
    if found is not None:
        return found
    given = donations.one(session, donation.id)
    if given.is_disputed:
        raise NotReceiptedError("disputed")
    if given.is_given_back:
        raise NotReceiptedError("given back")
    said = _around(giver, language) | facts.receipt(given, clock.newsroom_zone())
    return _issue(session, "receipt", account.id, said, donation_id=donation.id)


def statement(
    session: Session, account_id: int, first: date, last: date, giver: Giver, language: str
) -> Paper:
    """A statement over the days from `first` to `last`; the newest one while nothing changed.

    Raises UnfitRangeError and NothingGivenError.
    """
    if why := facts.unfit_range(first, last, clock.newsroom_day()):
        raise UnfitRangeError(why)
    account_id = givers.kept(session, account_id).id
    counted = facts.statement(
        donations.of_account(session, account_id), first, last, clock.newsroom_zone()
    )
    if not counted["sums"]:
        raise NothingGivenError("nothing was given in these days")
    said = _around(giver, language) | counted
    said |= {"from_on": first.isoformat(), "to_on": last.isoformat()}
    newest = session.scalar(
        select(Paper)
        .where(Paper.is_of(account_id), Paper.from_on == first, Paper.to_on == last)
        .order_by(Paper.id.desc())
        .limit(1)
    )
    if newest is not None and _without_issue(newest.facts) == said:
        return newest
    replaces = newest.number if newest is not None else None
    return _issue(
        session, "statement", account_id, said | {"replaces": replaces}, from_on=first, to_on=last
    )


def _around(giver: Giver, language: str) -> dict[str, Any]:
    """Who writes to whom, in which language."""
    return {
        "language": language,
        "newsroom": {
            "name": settings().legal_name or settings().site_name,
            "address": settings().legal_address,
            "tax_text": settings().tax_text,
        },
        "giver": {"name": giver.name, "address": giver.address},
    }


def _without_issue(frozen: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in frozen.items() if name not in OF_THE_ISSUE}


def _issue(
    session: Session, kind: Kind, account_id: int, said: dict[str, Any], **about: Any
) -> Paper:
    """Number a paper, set it, and freeze it.

    The lock comes last and is held for milliseconds: numbers are given one after another, in the
    order of time, and one that is rolled back leaves no gap.
    """
    lock(session, f"paper:{kind}")
    now = clock.now()
    issued_on = clock.newsroom_day(now)
    number = f"{LETTER[kind]}-{issued_on.year}-{_next(session, kind, issued_on.year):06d}"
    said = said | {"number": number, "issued_on": issued_on.isoformat()}
    paper = Paper(
        kind=kind,
        number=number,
        account_id=account_id,
        language=said["language"],
        facts=said,
        pdf=typeset(words(kind, said), issued_on),
        issued_at=now,
        **about,
    )
    session.add(paper)
    session.flush()
    return paper


def _next(session: Session, kind: Kind, year: int) -> int:
    first = insert(PaperCounter).values(kind=kind, year=year, last=1)
    number: int = session.execute(
        first.on_conflict_do_update(
            index_elements=["kind", "year"], set_={"last": PaperCounter.last + 1}
        ).returning(PaperCounter.last)
    ).scalar_one()
    return number
