"""Long lists page by page; where one ends, its address says: a time and a number. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Row = TypeVar("Row")
Place = tuple[datetime, int]
# The greatest number of a row.
LAST = 2**63 - 1


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list; `older` is where to go on from, empty where there is no more."""

    rows: Sequence[Row]
    older: str


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
