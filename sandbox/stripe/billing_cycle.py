"""When subscriptions renew: pure date arithmetic on seconds since the epoch, UTC.

https://docs.stripe.com/billing/subscriptions/billing-cycle: a day that a month lacks becomes its
last day, and later months return to the anchor's day (31 Jan → 28 Feb → 31 Mar).
"""

import calendar
from datetime import UTC, datetime

DAY = 86_400
SECONDS = {"day": DAY, "week": 7 * DAY}
MONTHS = {"month": 1, "year": 12}


def add_periods(anchor: int, interval: str, count: int) -> int:
    """The instant ``count`` intervals (day, week, month, year) after the anchor."""
    if interval in SECONDS:
        return anchor + count * SECONDS[interval]
    start = datetime.fromtimestamp(anchor, UTC)
    month_index = start.year * 12 + start.month - 1 + count * MONTHS[interval]
    year, month = divmod(month_index, 12)
    last_day = calendar.monthrange(year, month + 1)[1]
    moved = start.replace(year=year, month=month + 1, day=min(start.day, last_day))
    return int(moved.timestamp())


def period_start(anchor: int, interval: str, interval_count: int, end: int) -> int | None:
    """When the period that ends at an anniversary of the anchor began; None at no anniversary."""
    periods = 1
    while (found := add_periods(anchor, interval, periods * interval_count)) < end:
        periods += 1
    return add_periods(anchor, interval, (periods - 1) * interval_count) if found == end else None


def next_period_end(anchor: int, interval: str, interval_count: int, after: int) -> int:
    """The first anniversary of the anchor that lies after an instant."""
    periods = 1
    while (end := add_periods(anchor, interval, periods * interval_count)) <= after:
        periods += 1
    return end
