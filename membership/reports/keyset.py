"""Where a page of a list ends, as its address says it: a time and a number. Pure."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

Row = TypeVar("Row")
Place = tuple[datetime, int]
# The greatest number of a row.
LAST = 2**63 - 1


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


def to_the_end(page: Callable[[str], tuple[Sequence[Row], str]]) -> Iterator[Row]:
    """All rows of a list; `page` gives some from a place on, and the next place or nothing."""
    place = ""
    while True:
        rows, place = page(place)
        yield from rows
        if not place:
            return
