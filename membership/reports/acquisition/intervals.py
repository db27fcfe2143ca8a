"""How far a share that was counted may be from the one that would show in the long run. Pure."""

from decimal import Decimal

# Of the standard normal distribution, for 95 of 100.
Z = Decimal("1.959964")


def wilson(part: int, whole: int) -> tuple[Decimal, Decimal] | None:
    """The range, from 0 to 1, in which the true share lies in 95 of 100 cases; None for nothing.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal
    of the American Statistical Association 22 (1927). It holds for small numbers, too. `part` may
    not be more than `whole`.
    """
    if whole == 0:
        return None
    share, weight = Decimal(part) / whole, Z * Z / whole
    middle = share + weight / 2
    reach = (weight * (share * (1 - share) + weight / 4)).sqrt()
    low, high = (middle - reach) / (1 + weight), (middle + reach) / (1 + weight)
    # At the ends they are exact; the square root is not.
    return (Decimal(0) if part == 0 else low), (Decimal(1) if part == whole else high)


def overlap(one: tuple[Decimal, Decimal], other: tuple[Decimal, Decimal]) -> bool:
    """Whether two ranges have something in common: then what differs may be chance."""
    return one[0] <= other[1] and other[0] <= one[1]
