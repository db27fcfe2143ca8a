"""One week's figures beside those of the week before: what the summary by mail tells."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from membership.billing.models import Donation, LedgerEntry, Subscription
from membership.reports.figures import Figure, hide_small_group
from membership.reports.models import DailyFigures

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
# By the clock of the newsroom.
FROM_HOUR = 8
MONDAY, TUESDAY = 1, 2
INCOME = ("received", "one_time")


@dataclass(frozen=True)
class Week:
    """From Monday to Sunday, days of UTC; `name` such as "2026-W47"."""

    first_day: date

    @property
    def name(self) -> str:
        year, week, _day = self.first_day.isocalendar()
        return f"{year}-W{week:02}"

    @property
    def last_day(self) -> date:
        return self.first_day + 6 * DAY

    def before(self) -> "Week":
        return Week(self.first_day - WEEK)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The moment it begins, and the one after its end."""
        begins = datetime.combine(self.first_day, time(), UTC)
        return begins, begins + WEEK


@dataclass(frozen=True)
class Purse:
    """Minor units of one currency; each Figure says how many people it is about, or its smallest
    part is.

    The changes of `received` and `one_time` are those against the week before.
    """

    currency: str
    mrr: Figure
    mrr_change: Figure
    received: Figure
    received_change: Figure
    one_time: Figure
    one_time_change: Figure

    def discreet(self) -> "Purse":
        """Without amounts of 1 to 4 people."""
        amounts = [each.name for each in fields(self) if each.name != "currency"]
        hidden = {name: hide_small_group(getattr(self, name)) for name in amounts}
        return Purse(self.currency, **hidden)


@dataclass(frozen=True)
class Sums:
    """Counts of all currencies together, and money of each; the largest currency first."""

    patrons: int
    patrons_before: int
    joined: int
    joined_before: int
    left: int
    left_before: int
    purses: tuple[Purse, ...]

    def discreet(self) -> "Sums":
        """As those see it who may not see amounts of small groups."""
        return replace(self, purses=tuple(each.discreet() for each in self.purses))


def week_due(now: datetime) -> Week | None:
    """The week that is over, if its letter is due: from Monday morning until Tuesday ends.

    `now` is in the newsroom's zone.
    """
    day = now.isoweekday()
    if day == TUESDAY or (day == MONDAY and now.hour >= FROM_HOUR):
        return Week(now.date() - (day - MONDAY) * DAY - WEEK)
    return None


def sums_of(session: Session, week: Week) -> Sums:
    """In three queries; for a task, as it looks at two weeks' payments."""
    days = {each.currency: each for each in _days(session, week)}
    people = _people(session, week), _people(session, week.before())
    purses = [
        _purse(code, row, people[0].get(code, {}), people[1].get(code, {}))
        for code, row in sorted(days.items(), key=lambda item: (-item[1].patrons, item[0]))
    ]

    def total(name: str) -> int:
        return sum(int(getattr(row, name)) for row in days.values())

    patrons, joined, left = total("patrons"), total("joined"), total("left")
    return Sums(
        patrons=patrons,
        patrons_before=patrons - joined + left,
        joined=joined,
        joined_before=total("joined_before"),
        left=left,
        left_before=total("left_before"),
        purses=tuple(purses),
    )


def _days(session: Session, week: Week) -> Any:
    """Sums of days by currency: of all, of the week, of the one before."""
    day = DailyFigures
    mrr = (
        day.new_minor
        + day.expansion_minor
        + day.reactivation_minor
        + day.contraction_minor
        + day.churn_voluntary_minor
        + day.churn_involuntary_minor
    )
    this, before = (
        day.day >= week.first_day,
        day.day.between(week.first_day - WEEK, week.first_day - DAY),
    )

    def total(what: Any, when: Any = None) -> Any:
        summed = func.sum(what) if when is None else func.sum(what).filter(when)
        return func.coalesce(summed, 0)

    return session.execute(
        select(
            day.currency,
            total(day.new_patrons - day.lost_patrons).label("patrons"),
            total(day.new_patrons, this).label("joined"),
            total(day.new_patrons, before).label("joined_before"),
            total(day.lost_patrons, this).label("left"),
            total(day.lost_patrons, before).label("left_before"),
            total(mrr).label("mrr"),
            total(mrr, this).label("mrr_change"),
            total(day.received_minor, this).label("received"),
            total(day.received_minor, before).label("received_before"),
            total(day.one_time_minor, this).label("one_time"),
            total(day.one_time_minor, before).label("one_time_before"),
        )
        .where(day.day <= week.last_day)
        .group_by(day.currency)
    )


def _people(session: Session, week: Week) -> Mapping[str, Mapping[str, int]]:
    """By currency: how many people gave once, how many regularly, and whose MRR moved."""
    since, until = week.bounds
    people, is_once = func.count(Donation.account_id.distinct()), Donation.subscription_id.is_(None)
    gave = session.execute(
        select(Donation.currency, people.filter(is_once), people.filter(~is_once))
        .where(Donation.paid_at >= since, Donation.paid_at < until)
        .group_by(Donation.currency)
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for currency, once, regularly in gave:
        found[currency] |= {"one_time": once, "regular": regularly}
    moved = session.execute(
        select(LedgerEntry.currency, func.count(Subscription.account_id.distinct()))
        .join(Subscription, Subscription.id == LedgerEntry.subscription_id)
        .where(LedgerEntry.occurred_at >= since, LedgerEntry.occurred_at < until)
        .group_by(LedgerEntry.currency)
    )
    for currency, number in moved:
        found[currency]["mrr"] = number
    return found


def _purse(
    currency: str, row: Any, people: Mapping[str, int], people_before: Mapping[str, int]
) -> Purse:
    def groups(week: str, people: Mapping[str, int]) -> dict[str, int]:
        """About how many people the sums of a week are; what is received, about its smaller part:
        the other can be subtracted."""
        received, one_time = (int(getattr(row, f"{name}{week}")) for name in INCOME)
        once = _group(one_time, people.get("one_time", 0))
        regular = _group(received - one_time, people.get("regular", 0))
        return {"one_time": once, "received": _smaller(once, regular)}

    of_now, of_then = groups("", people), groups("_before", people_before)

    def of_week(name: str) -> tuple[Figure, Figure]:
        """The week's sum, and its change against the one before."""
        now, then = int(getattr(row, name)), int(getattr(row, f"{name}_before"))
        change = Figure(now - then, denominator=_smaller(of_now[name], of_then[name]))
        return Figure(now, denominator=of_now[name]), change

    received, received_change = of_week("received")
    one_time, one_time_change = of_week("one_time")
    moved = int(row.mrr_change)
    return Purse(
        currency,
        mrr=Figure(int(row.mrr), denominator=int(row.patrons)),
        mrr_change=Figure(moved, denominator=_group(moved, people.get("mrr", 0))),
        received=received,
        received_change=received_change,
        one_time=one_time,
        one_time_change=one_time_change,
    )


def _smaller(*groups: int) -> int:
    """The smallest that is not empty."""
    return min((each for each in groups if each), default=0)


def _group(amount: int, people: int) -> int:
    """How many it is about; an amount of which nobody is known is somebody's, as a refund is."""
    return max(people, 1) if amount else people
