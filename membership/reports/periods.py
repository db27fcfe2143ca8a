"""Spans of whole days (UTC) that figures are asked for. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

MONTHS_OF_YEAR = 12
DAY = timedelta(days=1)
EARLIEST = date(1970, 1, 1)


@dataclass(frozen=True)
class Period:
    """From the first to the last day, both included. ValueError unless they are in that order."""

    first_day: date
    last_day: date

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            raise ValueError("a period cannot end before it begins")

    @property
    def since(self) -> datetime:
        """The moment it begins."""
        return datetime.combine(self.first_day, time(), UTC)

    @property
    def until(self) -> datetime:
        """The moment after its end."""
        return datetime.combine(self.last_day + DAY, time(), UTC)

    @property
    def months(self) -> tuple[date, ...]:
        """The first days of all months it touches, ascending."""
        return tuple(_months(self.first_day.replace(day=1), self.last_day))

    @property
    def whole_months(self) -> tuple[date, ...]:
        """The first days of the months of which it has every day, ascending."""
        after = self.last_day + DAY
        return tuple(
            month
            for month in self.months
            if month >= self.first_day and months_later(month, 1) <= after
        )

    def until_day(self, day: date) -> "Period":
        """Its days until `day`. ValueError when it begins later, or before figures can."""
        if self.first_day < EARLIEST:
            raise ValueError("nobody gave then")
        return Period(self.first_day, min(self.last_day, day))

    def a_year_before(self) -> "Period":
        """The same days of the year before; 29 February is the 28th there."""
        return Period(_year_earlier(self.first_day), _year_earlier(self.last_day))


def named(name: str, today: date, beginning: date) -> Period:
    """One that pages offer, ending today or before; `beginning` is the day of the first figure.

    ValueError for any other name.
    """
    month = today.replace(day=1)
    match name:
        case "month":
            return Period(month, today)
        case "last_month":
            return Period(months_later(month, -1), month - DAY)
        case "quarter":
            return Period(quarter_of(today), today)
        case "year":
            return Period(date(today.year, 1, 1), today)
        case "12_months":
            return Period(months_later(month, 1 - MONTHS_OF_YEAR), today)
        case "all":
            return Period(min(beginning, today), today)
    raise ValueError(f"no period is called {name!r}")


def between(first: str, last: str) -> Period:
    """Two days as ISO 8601 writes them. ValueError for anything else, or the wrong order."""
    return Period(date.fromisoformat(first), date.fromisoformat(last))


def month(text: str) -> Period:
    """A month such as 2026-03. ValueError for anything else."""
    first_day = date.fromisoformat(f"{text}-01")
    return Period(first_day, months_later(first_day, 1) - DAY)


def months_later(first_day: date, months: int) -> date:
    """The first day of the month that is `months` after (or, negative, before) that of a day."""
    years, month = divmod(first_day.month - 1 + months, MONTHS_OF_YEAR)
    return date(first_day.year + years, month + 1, 1)


def quarter_of(day: date) -> date:
    """The first day of its quarter."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def quarter_end(first_day: date) -> date:
    """The last day of the quarter that begins on a day."""
    return months_later(first_day, 3) - DAY


def quarters(period: Period, today: date) -> tuple[date, ...]:
    """The first days of the quarters that a period touches and that are over, ascending."""
    found = dict.fromkeys(map(quarter_of, period.months))
    return tuple(each for each in found if quarter_end(each) < today)


def _months(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first = months_later(first, 1)


def _year_earlier(day: date) -> date:
    if (day.month, day.day) == (2, 29):
        return date(day.year - 1, 2, 28)
    return day.replace(year=day.year - 1)
