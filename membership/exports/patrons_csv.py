"""The patrons of a view as CSV for spreadsheets: what the list of patrons shows, of all of them."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.articles.models import Article
from membership.exports.making import Step
from membership.exports.models import Export
from membership.money import Money
from membership.patrons.filters import Filters
from membership.patrons.models import Patron as Row
from membership.reports import patrons
from membership.reports.patrons import Patron, Place
from membership.web.spreadsheet import MARK, plain_text, rows_of

BATCH = 2_000
HEAD = (
    "account", "address", "name", "language", "standing", "support", "interval", "amount",
    "currency", "patron_since", "given", "last_gift", "came_by_story", "tags",
)  # fmt: skip


def step(session: Session, export: Export) -> Step:
    """The next patrons, newest first."""
    wanted = Filters.model_validate(export.filters)
    reached = export.reached.get("place")
    before = Place.read(reached) if reached else None
    query = patrons.newest_first(patrons.matching(wanted), wanted, before).limit(BATCH)
    found = [(row, account) for row, account in session.execute(query)]
    text = rows_of(_cells(session, found))
    if not reached:
        text = MARK + rows_of([HEAD]) + text
    place = None
    if len(found) == BATCH:
        place = {"place": str(Place(found[-1][0].since_at, found[-1][0].account_id))}
    return Step(place, [text.encode()], len(found))


def _cells(session: Session, found: list[tuple[Row, Any]]) -> Iterator[Iterable[Any]]:
    lines = list(patrons.lines(session, found))
    wanted = {row.article_id for row, _account in found} - {None}
    rows = session.execute(select(Article.id, Article.title).where(Article.id.in_(wanted)))
    titles: dict[int, str] = {row.id: row.title for row in rows}
    for (row, _account), line in zip(found, lines, strict=True):
        story = titles.get(row.article_id, "") if row.article_id else ""
        yield _line(row, line, story)


def _line(row: Row, line: Patron, story: str) -> list[Any]:
    amount = ""
    if row.amount_minor is not None and row.currency:
        amount = f"{Money(row.amount_minor, row.currency).major:f}"
    return [
        row.account_id,
        plain_text(line.account.email),
        plain_text(line.account.name or ""),
        line.account.language,
        row.standing,
        row.state,
        row.interval,
        amount,
        row.currency,
        row.since_at.date().isoformat(),
        "; ".join(f"{money.major:f} {money.currency}" for money in line.given),
        line.last_gift_at.date().isoformat() if line.last_gift_at else "",
        plain_text(story),
        plain_text("; ".join(tag.name for tag in line.tags)),
    ]
