"""Long lists page by page; where one ends, its address says: a time and a number."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import Session

Row = TypeVar("Row")
Place = tuple[datetime, int]
# The greatest number of a row.
LAST = 2**63 - 1


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list; `older` is where to go on from, empty where there is no more."""

    rows: Sequence[Row]
    older: str


def reach(
    query: Select[*tuple[Any, ...]], order: tuple[Any, Any], before: str, limit: int
) -> Select[*tuple[Any, ...]]:
    """SQL: the newest `limit` rows of a query that are older than `before`, and one more.

    `order` is their time and a number that no two rows of a time share; `before` is what stood in
    Page.older, and is left out when it makes no sense.
    """
    at, number = order
    if (place := read(before)) is not None:
        # Of a number that is worked out no index knows; of the time one may.
        query = query.where(at <= place[0], tuple_(at, number) < place)
    return query.order_by(at.desc(), number.desc()).limit(limit + 1)


def newest_first(
    session: Session,
    query: Select[*tuple[Any, ...]],
    order: tuple[Any, Any],
    make: Callable[..., Row],
    before: str,
    limit: int,
) -> Page[Row]:
    """A page of what `make` makes of a query's rows; for `order` and `before`, see reach()."""
    found = session.execute(reach(query.add_columns(*order), order, before, limit)).all()
    rows = [make(*each) for *each, _at, _number in found[:limit]]
    if len(found) <= limit:
        return Page(rows, "")
    *_last, last_at, last_number = found[limit - 1]
    return Page(rows, written(last_at, last_number))


def written(at: datetime, number: int) -> str:
    """For the address of the next page."""
    return f"{at.isoformat()} {number}"


def read(text: str) -> Place | None:
    """What written() wrote; None for anything else."""
    said, _space, digits = text.rpartition(" ")
    try:
        at, number = datetime.fromisoformat(said), int(digits)
    except ValueError:
        return None
    return (at, number) if at.tzinfo is not None and 0 < number <= LAST else None


def to_the_end(page: Callable[[str], Page[Row]]) -> Iterator[Row]:
    """All rows of a list, page by page; `page` gives the one that goes on from a place."""
    place = ""
    while True:
        found = page(place)
        yield from found.rows
        if not found.older:
            return
        place = found.older
