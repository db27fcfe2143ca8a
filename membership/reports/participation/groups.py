"""Groups of patrons in a vote, and which of them are so small that nobody is shown them. Pure.

What is known of a vote is the turnout roll: who took part, not what they chose, nor when (rule V8).
"""

from calendar import monthrange
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from membership.discretion import SMALLEST_GROUP
from membership.reports.periods import months_later

Key = TypeVar("Key", bound=Hashable)

# Patrons by how many months ago they first gave regularly, at least.
TENURES = (0, 3, 12, 24)
# After so many months we look who still has standing.
HORIZONS = (3, 6, 12)
# Patrons by what they give in a month: major units, at least. The same in all currencies, and no
# setting, so that a round that is over is never counted otherwise.
AMOUNTS = (0, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Group:
    """How many might have voted, and how many of them did."""

    patrons: int = 0
    voters: int = 0

    def __add__(self, other: "Group") -> "Group":
        return Group(self.patrons + other.patrons, self.voters + other.voters)

    @property
    def others(self) -> int:
        """How many did not vote."""
        return self.patrons - self.voters

    @property
    def is_small(self) -> bool:
        """Whether it, its voters or its others are 1 to 4 people (rule S10)."""
        return any(0 < count < SMALLEST_GROUP for count in (self.patrons, self.voters, self.others))


def shown(groups: Mapping[Key, Group]) -> dict[Key, Group]:
    """Those of the groups of one whole that may be shown.

    The whole is known, so what is left out can be told from what is shown: where that is one small
    group, or all of it together is small, the smallest of the others goes as well.
    """
    found = {key: group for key, group in groups.items() if not group.is_small}
    hidden = [group for group in groups.values() if group.is_small]
    while hidden and found and (len(hidden) == 1 or sum(hidden, Group()).is_small):
        candidates = [key for key, group in found.items() if group.patrons]
        if not candidates:
            break
        smallest = min(candidates, key=lambda key: found[key].patrons)
        hidden.append(found.pop(smallest))
    return found


def amount_band(major: Decimal) -> int:
    """The one of AMOUNTS that a monthly amount in major units belongs to; the first is 0."""
    return max(edge for edge in AMOUNTS if edge <= major)


def months_after(at: datetime, months: int) -> datetime:
    """The same time of day so many months later (or, negative, before); the 31st is the last."""
    first = months_later(at.date(), months)
    last = monthrange(first.year, first.month)[1]
    return at.replace(year=first.year, month=first.month, day=min(at.day, last))
