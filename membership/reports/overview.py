"""The newsroom at a glance: patrons, MRR and one-time income, a currency at a time.

Months and movements are read from the rollups; what stands now, from subscriptions and ledger.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import cast, false, func, literal, select, types, union_all
from sqlalchemy.orm import Session

from membership.billing.models import LedgerEntry, Subscription
from membership.billing.revenue import monthly_value
from membership.billing.standing import PATRON_STATES
from membership.reports import rollups
from membership.reports.figures import (
    Figure,
    Month,
    Movements,
    average,
    hide_small_group,
    series,
)
from membership.reports.models import DailyFigures
from membership.reports.periods import MONTHS_OF_YEAR

WITHHELD = Figure(None, computable=False)


@dataclass(frozen=True)
class CurrencyOverview:
    """All figures of one currency; `months` ascend and end with the present one.

    Amounts are minor units. `at_risk` and `scheduled_churn` are part of `mrr`.
    """

    currency: str
    months: tuple[Month, ...]
    mrr: Figure
    arr: Figure
    arpu: Figure
    net_new_mrr: Figure
    one_time: Figure
    received: Figure
    at_risk: Figure
    scheduled_churn: Figure

    @property
    def this_month(self) -> Month:
        return self.months[-1]

    @property
    def last_month(self) -> Month:
        return self.months[-2] if len(self.months) > 1 else Month(self.this_month.first_day)


@dataclass(frozen=True)
class Difference:
    """A currency whose ledger does not sum to its running subscriptions (rule D7)."""

    currency: str
    ledger_minor: int
    running_minor: int


@dataclass(frozen=True)
class Overview:
    """`currencies` by number of patrons, the largest first; `rebuilt_at` is None before the first
    rollup."""

    patrons: Figure
    new: Figure
    lost: Figure
    new_last_month: int
    lost_last_month: int
    currencies: tuple[CurrencyOverview, ...]
    differences: tuple[Difference, ...]
    rebuilt_at: datetime | None


@dataclass
class _Running:
    """What stands now in one currency."""

    mrr: int = 0
    ledger: int = 0
    at_risk: int = 0
    at_risk_subscriptions: int = 0
    ending: int = 0
    ending_subscriptions: int = 0

    def add(self, state: str, worth: int, subscriptions: int) -> None:
        self.mrr += worth
        if state == "past_due":
            self.at_risk += worth
            self.at_risk_subscriptions += subscriptions
        elif state == "cancel_scheduled":
            self.ending += worth
            self.ending_subscriptions += subscriptions


def overview(session: Session, today: date, *, hide_small_groups: bool) -> Overview:
    """Everything the first staff page asks, in four queries however many patrons there are."""
    months = _months(session, today)
    running = _running(session)
    none = (Month(today.replace(day=1)),)
    found = [
        _of_currency(currency, months.get(currency, none), running[currency])
        for currency in sorted(months.keys() | running.keys())
    ]
    found.sort(key=lambda each: each.this_month.patrons, reverse=True)
    if hide_small_groups:
        found = [_discreet(each) for each in found]
    return Overview(
        patrons=Figure(count_patrons(session)),
        new=Figure(sum(each.this_month.new_patrons for each in found)),
        lost=Figure(sum(each.this_month.lost_patrons for each in found)),
        new_last_month=sum(each.last_month.new_patrons for each in found),
        lost_last_month=sum(each.last_month.lost_patrons for each in found),
        currencies=tuple(found),
        differences=tuple(_differences(running)),
        rebuilt_at=rollups.rebuilt_at(session),
    )


def count_patrons(session: Session) -> int:
    """Accounts with standing."""
    counted = select(func.count(Subscription.account_id.distinct()))
    return session.scalars(counted.where(Subscription.state.in_(PATRON_STATES))).one()


def differences(session: Session) -> list[Difference]:
    """Currencies in which the ledger and the running subscriptions disagree; best none."""
    return _differences(_running(session))


def _of_currency(currency: str, months: tuple[Month, ...], running: _Running) -> CurrencyOverview:
    now = months[-1]
    return CurrencyOverview(
        currency=currency,
        months=months,
        mrr=Figure(now.mrr, denominator=now.patrons),
        arr=Figure(now.mrr * MONTHS_OF_YEAR, denominator=now.patrons),
        arpu=average(now.mrr, now.patrons),
        net_new_mrr=Figure(now.movements.net, denominator=now.moved_patrons),
        one_time=Figure(now.one_time, denominator=now.one_time_gifts),
        received=Figure(now.received, denominator=now.patrons + now.one_time_gifts),
        at_risk=Figure(running.at_risk, denominator=running.at_risk_subscriptions),
        scheduled_churn=Figure(running.ending, denominator=running.ending_subscriptions),
    )


def _discreet(whole: CurrencyOverview) -> CurrencyOverview:
    """The same without the amounts of groups so small that they could single someone out.

    What moves from month to month is withheld altogether: in most months it is few people's doing.
    """
    return replace(
        whole,
        mrr=hide_small_group(whole.mrr),
        arr=hide_small_group(whole.arr),
        arpu=hide_small_group(whole.arpu),
        net_new_mrr=WITHHELD,
        one_time=hide_small_group(whole.one_time),
        received=WITHHELD,
        at_risk=hide_small_group(whole.at_risk),
        scheduled_churn=hide_small_group(whole.scheduled_churn),
    )


def _months(session: Session, today: date) -> dict[str, tuple[Month, ...]]:
    day = DailyFigures
    first_day = cast(func.date_trunc("month", day.day), types.Date)
    sums = (
        day.new_minor,
        day.expansion_minor,
        day.reactivation_minor,
        day.contraction_minor,
        day.churn_voluntary_minor,
        day.churn_involuntary_minor,
        day.new_patrons,
        day.lost_patrons,
        day.one_time_minor,
        day.one_time_gifts,
        day.received_minor,
    )
    rows = session.execute(
        select(day.currency, first_day, *(func.sum(column) for column in sums))
        .where(day.day <= today)
        .group_by(day.currency, first_day)
        .order_by(day.currency, first_day)
    )
    found: dict[str, list[Month]] = defaultdict(list)
    for currency, first, *values in rows:
        amounts = [int(value) for value in values]
        found[currency].append(Month(first, Movements(*amounts[:6]), *amounts[6:]))
    return {currency: series(months, today) for currency, months in found.items()}


def _running(session: Session) -> dict[str, _Running]:
    """What runs, and what the ledger says, by currency: one statement, hence one moment."""
    terms = (
        Subscription.currency,
        Subscription.state,
        Subscription.interval,
        Subscription.amount_minor,
        Subscription.collection_paused,
    )
    subscriptions = (
        select(*terms, func.count()).where(Subscription.state != "ended").group_by(*terms)
    )
    ledger = select(
        LedgerEntry.currency,
        literal("ledger"),
        literal("month"),
        cast(func.sum(LedgerEntry.amount_minor), types.BigInteger),
        false(),
        func.count(),
    ).group_by(LedgerEntry.currency)
    found: dict[str, _Running] = defaultdict(_Running)
    for currency, state, interval, amount, paused, count in session.execute(
        union_all(subscriptions, ledger)
    ):
        if state == "ledger":
            found[currency].ledger = amount
        else:
            worth = monthly_value(amount, interval, state, collection_paused=paused)
            found[currency].add(state, worth * count, count)
    return found


def _differences(running: dict[str, _Running]) -> list[Difference]:
    return [
        Difference(currency, each.ledger, each.mrr)
        for currency, each in sorted(running.items())
        if each.ledger != each.mrr
    ]
