"""When a letter is due, and what it is about. Pure rules; every time has its zone."""

from dataclasses import dataclass
from datetime import date, datetime, time

# By the clock of the newsroom.
FROM_HOUR = 8
SATURDAY, SUNDAY = 6, 7
DECEMBER = 12
# After this day of the month nobody waits for news of the last one.
LAST_DAY_OF_DIGEST = 3


@dataclass(frozen=True)
class Month:
    """A month of the newsroom's calendar, by its first day; `ends_at` is no part of it."""

    first_day: date
    begins_at: datetime
    ends_at: datetime

    @property
    def name(self) -> str:
        """Such as "2026-10"."""
        return f"{self.first_day:%Y-%m}"


def week_due(now: datetime) -> str | None:
    """The week whose letter is due, such as "2026-W47": from Saturday morning until Sunday ends.

    `now` is in the newsroom's zone.
    """
    year, week, day = now.isocalendar()
    if day == SUNDAY or (day == SATURDAY and now.hour >= FROM_HOUR):
        return f"{year}-W{week:02}"
    return None


def month_due(now: datetime) -> Month | None:
    """The month before this one, if its digest is due: in the first days of a month.

    `now` is in the newsroom's zone.
    """
    if now.day > LAST_DAY_OF_DIGEST or (now.day == 1 and now.hour < FROM_HOUR):
        return None
    this = now.date().replace(day=1)
    year, month = divmod(this.year * DECEMBER + this.month - 2, DECEMBER)
    before = date(year, month + 1, 1)
    midnight = time(tzinfo=now.tzinfo)
    return Month(before, datetime.combine(before, midnight), datetime.combine(this, midnight))
