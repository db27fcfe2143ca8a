"""What days changed, and what stood at their ends: the arithmetic of the overview. Pure.

Amounts are minor units of one currency. Those that were converted day by day are exact fractions
of them, rounded only where they are shown.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Self

from membership.reports.periods import DAY, Period

Amount = int | Decimal


class _Sums:
    """Sums of the same things add up, one by one."""

    def __add__(self, other: Self) -> Self:
        names = [each.name for each in fields(self)]  # type: ignore[arg-type]
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True)
class Movements(_Sums):
    """Signed changes of MRR: what is lost is negative, so that all of them sum to `net`."""

    new: Amount = 0
    expansion: Amount = 0
    reactivation: Amount = 0
    contraction: Amount = 0
    churn_voluntary: Amount = 0
    churn_involuntary: Amount = 0

    @property
    def net(self) -> Amount:
        total: Amount = sum(getattr(self, each.name) for each in fields(self))
        return total


@dataclass(frozen=True)
class Changes(_Sums):
    """What some days changed. `one_time` and `received` are net of what went back.

    `fees` counts the payments whose fees, `fee`, were taken in this currency: that of the payout.
    """

    movements: Movements = field(default_factory=Movements)
    one_time: Amount = 0
    received: Amount = 0
    fee: Amount = 0
    new_patrons: int = 0
    lost_patrons: int = 0
    one_time_gifts: int = 0
    payments: int = 0
    payments_with_fee: int = 0
    fees: int = 0
    renewals: int = 0


@dataclass(frozen=True)
class Book:
    """The changes of one currency, or of several that were converted into one.

    `pieces` are (first day, changes), cut wherever somebody asks for a sum. `worth` is what MRR
    was worth at the ends of days, where rates have a say in it; else movements sum to it.
    """

    pieces: tuple[tuple[date, Changes], ...] = ()
    worth: Mapping[date, Amount] = field(default_factory=lambda: MappingProxyType({}))

    def changed(self, period: Period) -> Changes:
        """The sum over the days of a period."""
        within = (
            changes for day, changes in self.pieces if period.first_day <= day <= period.last_day
        )
        return sum(within, Changes())

    def mrr(self, day: date) -> int:
        """At the end of a day. KeyError when it was converted for other days."""
        if self.worth:
            return rounded(self.worth[day])
        return rounded(self._at(day)[1])

    def patrons(self, day: date) -> int:
        """Whose support was worth something at the end of a day."""
        return self._at(day)[2]

    def waterfall(self, period: Period) -> tuple[tuple[str, int], ...]:
        """(step, minor units) from the period's start to its end; all but the last sum to the last.

        Where rates have a say, what they changed is a step, "rates".
        """
        start, end = self.mrr(period.first_day - DAY), self.mrr(period.last_day)
        movements = self.changed(period).movements
        steps = [(each.name, rounded(getattr(movements, each.name))) for each in fields(movements)]
        if self.worth:
            steps.append(("rates", end - start - sum(amount for _step, amount in steps)))
        return (("start", start), *steps, ("end", end))

    def _at(self, day: date) -> tuple[date, Amount, int]:
        return self._stood[bisect_right(self._stood, day, key=itemgetter(0)) - 1]

    @cached_property
    def _stood(self) -> list[tuple[date, Amount, int]]:
        """(first day of a piece, MRR and patrons after it), ascending, from nothing at all."""
        stood: list[tuple[date, Amount, int]] = [(date.min, 0, 0)]
        for day, changes in sorted(self.pieces, key=itemgetter(0)):
            _day, mrr, patrons = stood[-1]
            came = changes.new_patrons - changes.lost_patrons
            stood.append((day, mrr + changes.movements.net, patrons + came))
        return stood


def rounded(amount: Any) -> int:
    """Whole minor units, half to even."""
    return int(Decimal(amount).quantize(Decimal(1), ROUND_HALF_EVEN))
