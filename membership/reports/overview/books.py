"""The newsroom's books, read from the daily rollup: one a currency, or one for all, converted."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, cast, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from membership.money import decimals
from membership.reports.models import DailyFigures
from membership.reports.overview.changes import Amount, Book, Changes, Movements
from membership.reports.periods import DAY, Period
from membership.reports.rates import EURO, Rates, rate_on

_MOVEMENTS = (
    DailyFigures.new_minor,
    DailyFigures.expansion_minor,
    DailyFigures.reactivation_minor,
    DailyFigures.contraction_minor,
    DailyFigures.churn_voluntary_minor,
    DailyFigures.churn_involuntary_minor,
)
_AMOUNTS = (DailyFigures.one_time_minor, DailyFigures.received_minor, DailyFigures.fee_minor)
_COUNTS = (
    DailyFigures.new_patrons,
    DailyFigures.lost_patrons,
    DailyFigures.one_time_gifts,
    DailyFigures.payments,
    DailyFigures.payments_with_fee,
    DailyFigures.fees,
    DailyFigures.renewals,
)


@dataclass(frozen=True)
class Cuts:
    """The periods that sums are asked for, beside whole months; no later day than `today`."""

    today: date
    periods: tuple[Period, ...]

    @property
    def days(self) -> list[date]:
        """The first days of pieces, ascending."""
        edges = {edge for each in self.periods for edge in (each.first_day, each.last_day + DAY)}
        return sorted(edges)


def read(session: Session, cuts: Cuts) -> dict[str, Book]:
    """By currency; each book reaches back to its first day, so that movements sum to MRR."""
    found: dict[str, list[tuple[date, Changes]]] = defaultdict(list)
    for currency, day, amounts, counts in _pieces(session, cuts, DailyFigures.__table__.c):
        found[currency].append((day, _changes([int(each) for each in amounts], counts)))
    return {currency: Book(tuple(pieces)) for currency, pieces in found.items()}


def converted(
    session: Session, cuts: Cuts, books: Mapping[str, Book], rates: Rates, days: Iterable[date]
) -> Book:
    """All books whose currency has a rate, in euro: each day's changes at that day's rate, and
    what stood at the ends of `days` at theirs."""
    known = [currency for currency in books if rates.has(currency)]
    # Worked out once a row; as a join, it would be asked for anew with every sum.
    rated = (
        select(DailyFigures, rate_on(DailyFigures.currency, DailyFigures.day).label("per_euro"))
        .where(DailyFigures.currency.in_(known))
        .cte("rated")
        .prefix_with("MATERIALIZED")
    )
    pieces = [
        (day, _changes([each * scale(currency) for each in amounts], counts))
        for currency, day, amounts, counts in _pieces(session, cuts, rated.c, rated.c.per_euro)
    ]
    worth = {
        day: sum(
            (books[each].mrr(day) * scale(each) / rates.on(each, day) for each in known),
            Decimal(0),
        )
        for day in days
    }
    return Book(tuple(pieces), worth)


def scale(currency: str) -> Decimal:
    """Cents in one minor unit, were both currencies worth the same."""
    return Decimal(10) ** (decimals(EURO) - decimals(currency))


def _pieces(
    session: Session, cuts: Cuts, rows: Any, divisor: Any = 1
) -> Iterable[tuple[str, date, list[Decimal], list[int]]]:
    """(currency, first day, sums of amounts over each row's `divisor`, sums of counts)."""
    amounts = [rows[each.key] / divisor for each in (*_MOVEMENTS, *_AMOUNTS)]
    counts = [rows[each.key] for each in _COUNTS]
    query = (
        select(
            rows.currency,
            func.min(rows.day),
            func.date_trunc("month", rows.day).label("month"),
            func.width_bucket(rows.day, cast(cuts.days, ARRAY(Date))).label("cut"),
            *(func.sum(each) for each in (*amounts, *counts)),
        )
        .where(rows.day <= cuts.today)
        .group_by(rows.currency, column("month"), column("cut"))
        .order_by(rows.currency, func.min(rows.day))
    )
    for currency, day, _month, _cut, *sums in session.execute(query):
        yield currency, day, sums[: len(amounts)], [int(each) for each in sums[len(amounts) :]]


def _changes(amounts: Sequence[Amount], counts: Sequence[int]) -> Changes:
    *movements, one_time, received, fee = amounts
    return Changes(Movements(*movements), one_time, received, fee, *counts)
