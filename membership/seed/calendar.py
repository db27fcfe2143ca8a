"""The time in which the seeded story happens."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random


@dataclass(frozen=True)
class Span:
    """From when until when the story is told."""

    start: datetime
    now: datetime

    def beginning(self, rng: Random, number: int, of: int) -> datetime:
        """When giver `number` of so many begins: each later than the one before.

        The later, the more of them there are, since a newsroom grows.
        """
        share = ((number + rng.random()) / of) ** 0.7
        return between(rng, self.start, self.now - timedelta(hours=1), share)


def between(rng: Random, start: datetime, end: datetime, share: float | None = None) -> datetime:
    """A moment between the two, to the second."""
    where = rng.random() if share is None else share
    return start + timedelta(seconds=int((end - start).total_seconds() * where))


def months_later(start: datetime, count: int) -> datetime:
    """The same day `count` months later, or the last of a shorter month (as Stripe has it)."""
    years, month = divmod(start.month - 1 + count, 12)
    year, month = start.year + years, month + 1
    day = start.day if start.day <= 28 else min(start.day, monthrange(year, month)[1])
    return start.replace(year=year, month=month, day=day)
