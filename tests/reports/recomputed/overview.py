"""The figures of the overview, as docs/metrics.md says them, from plain rows (rules D1 and D6)."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from membership.reports.periods import Period, months_later
from membership.reports.report import Asked
from tests.reports.recomputed.raw import Plain, Raw, monthly, within

DAY = timedelta(days=1)
LOST = ("contraction", "churn_voluntary", "churn_involuntary")
MOVEMENTS = ("new", "expansion", "reactivation", *LOST)
WITH_STANDING = {"active", "past_due", "paused", "cancel_scheduled"}
Rows = list[dict[str, Any]]


def tiles(raw: Raw, asked: Asked) -> dict[str, Any]:
    return of_currency(raw, asked.currency, asked)


def changes(raw: Raw, asked: Asked) -> dict[str, Any]:
    """What stands beside a tile: for what there is, since the days began; for what came and went,
    against the same days of the year before.
    """
    days, before = asked.period, asked.period.a_year_before()

    def more(figure: Any) -> int:
        return int(figure(raw, asked.currency, days) - figure(raw, asked.currency, before))

    moved = raw.moved(asked.currency, days)
    eve = Period(days.first_day - DAY, days.first_day - DAY)
    arpu, arpu_before = average(raw, asked.currency, days), average(raw, asked.currency, eve)
    found = {
        "mrr": net_new(raw, asked.currency, days),
        "arr": 12 * net_new(raw, asked.currency, days),
        "patrons": sum(m.name in ("new", "reactivation") for m in moved)
        - sum(m.name.startswith("churn") for m in moved),
        "net_new_mrr": more(net_new),
        "one_time": more(one_time),
        "received": more(received),
        "fees": more(fees),
    }
    if days.last_day < asked.today:
        del found["patrons"]
    if arpu is not None and arpu_before is not None:
        found["arpu"] = arpu - arpu_before
    return found


def average(raw: Raw, currency: str, days: Period) -> int | None:
    mrr, patrons = raw.mrr(currency, days.last_day), raw.patrons(currency, days.last_day)
    return round(Fraction(mrr, patrons)) if patrons else None


def tables(raw: Raw, asked: Asked) -> dict[str, Rows]:
    return {
        "waterfall": waterfall(raw, asked),
        "years": years(raw, asked),
        "movements": movements(raw, asked),
        "currencies": [
            {"currency": code} | of_currency(raw, code, asked) for code in sorted(raw.currencies)
        ],
        "invariant": [invariant(raw, code) for code in sorted(raw.currencies)],
    }


def of_currency(raw: Raw, currency: str, asked: Asked) -> dict[str, Any]:
    days = asked.period
    mrr = raw.mrr(currency, days.last_day)
    return {
        "patrons": len({s.account_id for s in running(raw, currency, WITH_STANDING)}),
        "mrr": mrr,
        "arr": 12 * mrr,
        "arpu": average(raw, currency, days),
        "net_new_mrr": net_new(raw, currency, days),
        "one_time": one_time(raw, currency, days),
        "received": received(raw, currency, days),
        "fees": fees(raw, currency, days),
        "at_risk": worth_of(running(raw, currency, {"past_due"})),
        "scheduled_churn": worth_of(running(raw, currency, {"cancel_scheduled"})),
        "cash": cash(raw, currency, asked.today),
    }


def running(raw: Raw, currency: str, states: set[str]) -> list[Plain]:
    return [s for s in raw.supports.values() if s.currency == currency and s.state in states]


def worth_of(supports: Iterable[Plain]) -> int:
    return sum(monthly(s.amount_minor, s.interval) for s in supports if not s.collection_paused)


def net_new(raw: Raw, currency: str, days: Period) -> int:
    return sum(move.amount for move in raw.moved(currency, days))


def received(raw: Raw, currency: str, days: Period) -> int:
    return sum(flow.amount for flow in raw.flowed(currency, days) if flow.kind != "fee")


def one_time(raw: Raw, currency: str, days: Period) -> int:
    flows = raw.flowed(currency, days)
    return sum(flow.amount for flow in flows if flow.kind in ("once", "once back"))


def fees(raw: Raw, currency: str, days: Period) -> int:
    return sum(flow.amount for flow in raw.flowed(currency, days) if flow.kind == "fee")


def cash(raw: Raw, currency: str, today: date) -> int | None:
    """Next month's charges of active support × what came of renewals in three whole months."""
    this_month, next_month = today.replace(day=1), months_later(today, 1)
    lately = Period(months_later(today, -3), this_month - DAY)
    coming = Period(next_month, months_later(next_month, 1) - DAY)
    due = sum(
        each.amount_minor
        for each in running(raw, currency, {"active"})
        if each.interval == "month" or within(each.current_period_end_at, coming)
    )
    paid = sum(flow.kind == "renewal" for flow in raw.flowed(currency, lately))
    given_up = sum(
        each.currency == currency
        and within(each.failed_at, lately)
        and each.given_up_at is not None
        and each.recovered_at is None
        for each in raw.dunnings
    )
    return round(Fraction(due * paid, paid + given_up)) if paid + given_up else None


def waterfall(raw: Raw, asked: Asked) -> Rows:
    moved = raw.moved(asked.currency, asked.period)
    steps = {name: sum(m.amount for m in moved if m.name == name) for name in MOVEMENTS}
    start = raw.mrr(asked.currency, asked.period.first_day - DAY)
    end = raw.mrr(asked.currency, asked.period.last_day)
    return [{"amount": start}, *({"amount": steps[name]} for name in MOVEMENTS), {"amount": end}]


def movements(raw: Raw, asked: Asked) -> Rows:
    return [
        {"month": days.first_day}
        | {
            name: sum(m.amount for m in raw.moved(asked.currency, days) if m.name == name)
            for name in MOVEMENTS
        }
        for days in twelve_months(asked.period.last_day)
    ]


def twelve_months(last_day: date) -> list[Period]:
    """The month of a day as far as that, after eleven whole ones."""
    months = [months_later(last_day, number) for number in range(-11, 1)]
    return [Period(month, min(end_of(month), last_day)) for month in months]


def pieces(period: Period) -> list[tuple[date, Period]]:
    """The months that it touches, each as far as its days go."""
    return [
        (month, Period(max(month, period.first_day), min(end_of(month), period.last_day)))
        for month in period.months
    ]


def end_of(month: date) -> date:
    return months_later(month, 1) - DAY


def years(raw: Raw, asked: Asked) -> Rows:
    last_day, currency = asked.period.last_day, asked.currency
    found = []
    for days in twelve_months(last_day):
        month = days.first_day
        month_before = months_later(month, -12)
        # A whole month beside a whole month, be it of 28 days or of 29.
        is_whole = days.last_day == end_of(month)
        last = monthrange(month_before.year, month_before.month)[1]
        day_before = last if is_whole else min(days.last_day.day, last)
        before = Period(month_before, month_before.replace(day=day_before))
        row: dict[str, Any] = {"month": month}
        for suffix, span in (("", days), ("_before", before)):
            row |= {
                f"mrr{suffix}": raw.mrr(currency, span.last_day),
                f"patrons{suffix}": raw.patrons(currency, span.last_day),
                f"one_time{suffix}": one_time(raw, currency, span),
                f"received{suffix}": received(raw, currency, span),
            }
        found.append(row)
    return found


def invariant(raw: Raw, currency: str) -> dict[str, Any]:
    ledger = sum(each.amount_minor for each in raw.ledger if each.currency == currency)
    runs = worth_of(running(raw, currency, {"active", "past_due", "cancel_scheduled"}))
    assert raw.mrr(currency, max(move.day for move in raw.moves)) == runs
    return {"currency": currency, "ledger": ledger, "running": runs, "difference": ledger - runs}
