"""Pure arithmetic of the dashboards: figures, MRR movements, months.

Amounts are minor units of one currency; nothing here knows a second one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal

from membership.reports.periods import months_later

# Rule S10: a group smaller than this could single a person out.
SMALLEST_GROUP = 5
# Of fewer than this many, a percentage says less than "1 of 3".
SMALL = 20


@dataclass(frozen=True)
class Figure:
    """A number that says what it rests on.

    `value`: minor units or a count, or a Decimal for averages; None when not computable.
    `denominator`: how many people or payments it is about; None when the value is itself a count.
    """

    value: int | Decimal | None
    computable: bool = True
    denominator: int | None = None

    @property
    def is_hidden(self) -> bool:
        """Whether a value was there and is withheld."""
        return not self.computable and bool(self.denominator)


def average(total: int, count: int) -> Figure:
    """`total` over `count`, in minor units rounded to one; not computable for a count of 0."""
    if count == 0:
        return Figure(None, computable=False, denominator=0)
    return Figure((Decimal(total) / count).quantize(Decimal(1)), denominator=count)


def share(part: int, whole: int) -> Figure:
    """`part` of `whole`, as a Decimal from 0 to 1; not computable for a whole of 0.

    Whoever shows it says "0 of 3" while the whole is small: see SMALL.
    """
    if whole == 0:
        return Figure(None, computable=False, denominator=0)
    return Figure(Decimal(part) / whole, denominator=whole)


def part_of(figure: Figure) -> int:
    """The part that a share() was made of."""
    return round((figure.value or 0) * (figure.denominator or 0))


def hide_small_group(figure: Figure) -> Figure:
    """`figure` without its value when it is about 1 to 4 people."""
    if figure.denominator is None or not 0 < figure.denominator < SMALLEST_GROUP:
        return figure
    return Figure(None, computable=False, denominator=figure.denominator)


@dataclass(frozen=True)
class Movements:
    """Signed changes of MRR: what is lost is negative, so that all of them sum to `net`."""

    new: int = 0
    expansion: int = 0
    reactivation: int = 0
    contraction: int = 0
    churn_voluntary: int = 0
    churn_involuntary: int = 0

    def __add__(self, other: "Movements") -> "Movements":
        names = (each.name for each in fields(self))
        return Movements(*(getattr(self, name) + getattr(other, name) for name in names))

    @property
    def net(self) -> int:
        return sum(getattr(self, each.name) for each in fields(self))


@dataclass(frozen=True)
class Month:
    """What one month changed in one currency, and what stood at its end.

    `mrr` and `patrons` are those of the month's end; series() fills them in.
    """

    first_day: date
    movements: Movements = field(default_factory=Movements)
    new_patrons: int = 0
    lost_patrons: int = 0
    one_time: int = 0
    one_time_gifts: int = 0
    received: int = 0
    mrr: int = 0
    patrons: int = 0

    @property
    def start(self) -> int:
        """MRR when the month began."""
        return self.mrr - self.movements.net

    @property
    def moved_patrons(self) -> int:
        return self.new_patrons + self.lost_patrons


def series(months: Iterable[Month], until: date) -> tuple[Month, ...]:
    """All months from the first of `months` to that of `until`, gaps filled, with running sums.

    `months` ascend by first_day, each at most once; none after `until`.
    """
    given = {month.first_day: month for month in months}
    if not given:
        return (Month(until.replace(day=1)),)
    running: list[Month] = []
    day, mrr, patrons = min(given), 0, 0
    while day <= until:
        month = given.get(day, Month(day))
        mrr += month.movements.net
        patrons += month.new_patrons - month.lost_patrons
        running.append(replace(month, mrr=mrr, patrons=patrons))
        day = months_later(day, 1)
    return tuple(running)


def waterfall(month: Month) -> tuple[tuple[str, int], ...]:
    """(step, minor units) from the month's start to its end; all but the last sum to the last."""
    steps = [(each.name, getattr(month.movements, each.name)) for each in fields(month.movements)]
    return (("start", month.start), *steps, ("end", month.mrr))
