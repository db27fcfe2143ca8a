"""Where a page of a list ends, as its address says it: a time and a number. Pure."""

from datetime import datetime

Place = tuple[datetime, int]


def written(at: datetime, number: int) -> str:
    """For the address of the next page."""
    return f"{at.isoformat()} {number}"


def read(text: str) -> Place | None:
    """What written() wrote; None for anything else."""
    at, _space, number = text.rpartition(" ")
    try:
        place = datetime.fromisoformat(at), int(number)
    except ValueError:
        return None
    return place if place[0].tzinfo is not None else None
