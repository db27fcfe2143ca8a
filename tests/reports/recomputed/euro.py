"""All currencies that have a rate, in euro cents, each day at its own rate (rule D1)."""

from bisect import bisect
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from membership.money import Money
from membership.reports.models import ExchangeRate
from membership.reports.report import Asked
from tests.reports.recomputed.overview import DAY, MOVEMENTS, cash
from tests.reports.recomputed.raw import Raw


@dataclass(frozen=True)
class Rates:
    """By currency, days ascending with what a euro was worth."""

    per_euro: dict[str, list[tuple[date, Decimal]]]

    @property
    def known(self) -> list[str]:
        return sorted({"EUR", *self.per_euro})

    def cents(self, amount: int, currency: str, day: date) -> Fraction:
        """At the rate of the day, or the last one before; the first for days before the first."""
        euro = Fraction(Money(amount, currency).major * 100)
        if currency == "EUR":
            return euro
        rates = self.per_euro[currency]
        until = bisect(rates, day, key=lambda rate: rate[0])
        return euro / Fraction(rates[max(until - 1, 0)][1])


def rates(session: Session) -> Rates:
    found: dict[str, list[tuple[date, Decimal]]] = {}
    for each in session.scalars(select(ExchangeRate).order_by(ExchangeRate.day)):
        found.setdefault(each.currency, []).append((each.day, each.per_euro))
    return Rates(found)


def tiles(raw: Raw, rates: Rates, asked: Asked) -> dict[str, Any]:
    """Of those figures that rest on days."""
    once, received = Fraction(), Fraction()
    for flow in (each for code in rates.known for each in raw.flowed(code, asked.period)):
        cents = rates.cents(flow.amount, flow.currency, flow.day)
        once += cents if flow.kind in ("once", "once back") else 0
        received += cents if flow.kind != "fee" else 0
    mrr = stood(raw, rates, asked.period.last_day)
    expected = [
        rates.cents(coming, code, asked.today)
        for code in rates.known
        if (coming := cash(raw, code, asked.today)) is not None
    ]
    return {
        "cash": round(sum(expected)),
        "mrr": round(mrr),
        "one_time": round(once),
        "received": round(received),
    }


def stood(raw: Raw, rates: Rates, day: date) -> Fraction:
    return sum(
        (rates.cents(raw.mrr(code, day), code, day) for code in rates.known), start=Fraction()
    )


def waterfall(raw: Raw, rates: Rates, asked: Asked) -> list[Fraction]:
    """Start, movements, what rates did, end."""
    days = asked.period
    start, end = (stood(raw, rates, day) for day in (days.first_day - DAY, days.last_day))
    steps = []
    for name in MOVEMENTS:
        moved = [m for code in rates.known for m in raw.moved(code, days) if m.name == name]
        cents = (rates.cents(m.amount, m.currency, m.day) for m in moved)
        steps.append(sum(cents, start=Fraction()))
    return [start, *steps, end - start - sum(steps), end]
