"""The patrons of a view as CSV for spreadsheets: what the list of patrons shows, of all of them.

Columns are read, not objects: to make one of each row would take longer than all the rest.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.articles.models import Article
from membership.exports.making import Step
from membership.exports.models import Export
from membership.money import Money
from membership.patrons import tags
from membership.patrons.filters import Filters
from membership.patrons.models import Patron
from membership.reports import patrons
from membership.reports.patrons import Place
from membership.web.spreadsheet import MARK, plain_text, rows_of

BATCH = 2_000
HEAD = (
    "account", "address", "name", "language", "standing", "support", "interval", "amount",
    "currency", "patron_since", "given", "last_gift", "came_by_story", "tags",
)  # fmt: skip
COLUMNS = (
    Patron.account_id,
    Account.email,
    Account.name,
    Account.language,
    Patron.standing,
    Patron.state,
    Patron.interval,
    Patron.amount_minor,
    Patron.currency,
    Patron.since_at,
    Patron.article_id,
)


def step(session: Session, export: Export) -> Step:
    """The next patrons, newest first."""
    wanted = Filters.model_validate(export.filters)
    reached = export.reached.get("place")
    before = Place.read(reached) if reached else None
    query = patrons.newest_first(patrons.matching(wanted), wanted, before).limit(BATCH)
    found = session.execute(query.with_only_columns(*COLUMNS)).all()
    text = rows_of(_lines(session, found))
    if not reached:
        text = MARK + rows_of([HEAD]) + text
    place = None
    if len(found) == BATCH:
        place = {"place": str(Place(found[-1].since_at, found[-1].account_id))}
    return Step(place, [text.encode()], len(found))


def _lines(session: Session, found: Sequence[Row[*tuple[Any, ...]]]) -> Iterator[list[Any]]:
    ids = [row.account_id for row in found]
    given, last_at = patrons.gifts(session, ids)
    borne = tags.of(session, ids)
    titles = _titles(session, {row.article_id for row in found} - {None})
    for id_, email, name, language, *support, minor, currency, since_at, article_id in found:
        yield [
            id_,
            plain_text(email),
            plain_text(name or ""),
            language,
            *support,
            "" if minor is None else _major(Money(minor, currency)),
            currency,
            since_at.date().isoformat(),
            "; ".join([f"{_major(money)} {money.currency}" for money in given.get(id_, ())]),
            last_at[id_].date().isoformat() if id_ in last_at else "",
            plain_text(titles.get(article_id, "")),
            plain_text("; ".join([tag.name for tag in borne.get(id_, ())])),
        ]


def _titles(session: Session, article_ids: set[int]) -> dict[int, str]:
    rows = session.execute(select(Article.id, Article.title).where(Article.id.in_(article_ids)))
    return {row.id: row.title for row in rows}


def _major(money: Money) -> str:
    return f"{money.major:f}"
