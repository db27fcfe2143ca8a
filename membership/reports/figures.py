"""Figures that say what they rest on. Pure; amounts are minor units of one currency."""

from dataclasses import dataclass
from decimal import Decimal

from membership.discretion import SMALLEST_GROUP

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
