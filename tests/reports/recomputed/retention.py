"""Who stays, as docs/metrics.md says it, from plain rows (rule D2)."""

from collections import Counter
from datetime import date
from fractions import Fraction
from math import prod
from typing import Any

from membership.reports.periods import Period, months_later
from membership.reports.report import Asked
from tests.reports.recomputed.overview import DAY, Rows, end_of, pieces
from tests.reports.recomputed.raw import Move, Raw, within

# What a table has room for: the newest cohorts, each month of the first year and some later ones.
MOST_COHORTS = 24
LATER = (18, 24, 30, 36, 48, 60)
# Fewer than so many make no curve.
ENOUGH = 20
WAYS = {"voluntary": "voluntary", "payment_failed": "payment_failed"}


def tiles(raw: Raw, asked: Asked) -> dict[str, Any]:
    days, currency = asked.period, asked.currency
    rows = [revenue_of_month(raw, currency, *each) for each in months_of(days)]
    patrons = raw.patrons(currency, days.last_day)
    mrr = raw.mrr(currency, days.last_day)
    churn, margin = monthly_churn(raw, currency, days), known_margin(raw, currency, days)
    lifetime = three_years = None
    if patrons and margin is not None and churn is not None:
        arpu = Fraction(mrr, patrons)
        lifetime = round(arpu * margin / churn) if churn else None
        # Month after month, whoever is left brings the same.
        three_years = round(sum(arpu * margin * (1 - churn) ** month for month in range(36)))
    return {
        "gross_retention": multiplied([row["gross"] for row in rows]),
        "net_retention": multiplied([row["net"] for row in rows]),
        "churn": churn,
        "arpu": round(Fraction(mrr, patrons)) if patrons else None,
        "margin": margin,
        "ltv": lifetime,
        "three_year_value": three_years,
    }


def multiplied(shares: list[Fraction | None]) -> Fraction | None:
    known = [each for each in shares if each is not None]
    return prod(known) if known else None


def months_of(days: Period) -> list[tuple[date, Period]]:
    """The months that they touch, each from its first day to its last or that of the days."""
    return [(month, Period(month, min(end_of(month), days.last_day))) for month in days.months]


class Kept:
    """What became of one support that was worth something when some days began."""

    def __init__(self, start: int, moves: list[Move]) -> None:
        self.start, self.worth, self.least = start, start, start
        self.left_with: int | None = None
        for move in moves:
            if self.left_with is None:
                self.worth += move.amount
                if self.worth == 0:
                    self.left_with = self.least
                self.least = min(self.least, self.worth)

    @property
    def less(self) -> int:
        return self.start - self.least if self.left_with is None else self.start - self.left_with

    @property
    def more(self) -> int:
        return self.worth - self.least


def kept(raw: Raw, currency: str, days: Period) -> list[Kept]:
    """Of each support that was there before these days; whoever comes back has left."""
    moves: dict[int, list[Move]] = {}
    for move in raw.moved(currency, days):
        moves.setdefault(move.support, []).append(move)
    before = raw.values(currency, days.first_day - DAY)
    return [Kept(start, moves.get(support, [])) for support, start in before.items()]


def monthly_churn(raw: Raw, currency: str, days: Period) -> Fraction | None:
    left = patrons = 0
    for month in days.months:
        if days.first_day <= month and end_of(month) <= days.last_day:
            whole = Period(month, end_of(month))
            left += sum(each.left_with is not None for each in kept(raw, currency, whole))
            patrons += raw.patrons(currency, month - DAY)
    return Fraction(left, patrons) if patrons else None


def known_margin(raw: Raw, currency: str, days: Period) -> Fraction | None:
    known = [
        each
        for each in raw.donations
        if each.currency == currency == each.fee_currency
        and each.fee_minor is not None
        and within(each.paid_at, days)
    ]
    paid = sum(each.amount_minor for each in known)
    return Fraction(paid - sum(each.fee_minor for each in known), paid) if paid else None


def tables(raw: Raw, asked: Asked) -> dict[str, Rows]:
    currency, period = asked.currency, asked.period
    found = cohorts(raw, currency, min(period.last_day, asked.today - DAY))
    inside = [month for month in found if month in period.months]
    shown = {month: found[month] for month in inside[-MOST_COHORTS:]}
    return {
        "survival": survival(found),
        "cohorts": by_number(shown),
        "cohort_revenue": by_revenue(shown),
        "patron_retention": [patrons_of_month(raw, currency, *each) for each in months_of(period)],
        "revenue_retention": [revenue_of_month(raw, currency, *each) for each in months_of(period)],
        "left": [ends_of_month(raw, currency, month, days) for month, days in pieces(period)],
        "left_why": why(raw, currency, period),
    }


def patrons_of_month(raw: Raw, currency: str, month: date, days: Period) -> dict[str, Any]:
    start = raw.patrons(currency, days.first_day - DAY)
    left = sum(each.left_with is not None for each in kept(raw, currency, days))
    stayed = Fraction(start - left, start) if start else None
    return {"month": month, "start": start, "left": left, "stayed": stayed}


def revenue_of_month(raw: Raw, currency: str, month: date, days: Period) -> dict[str, Any]:
    there = kept(raw, currency, days)
    start = sum(each.start for each in there)
    gross, net = sum(each.least for each in there), sum(each.worth for each in there)
    return {
        "month": month,
        "start": start,
        "churn": sum(each.left_with or 0 for each in there),
        "contraction": sum(each.less for each in there),
        "expansion": sum(each.more for each in there),
        "gross": Fraction(gross, start) if start else None,
        "net": Fraction(net, start) if start else None,
    }


def ends_of_month(raw: Raw, currency: str, month: date, days: Period) -> dict[str, Any]:
    row: dict[str, Any] = {"month": month}
    for way in ("voluntary", "payment_failed", "other"):
        ended = [
            s.id
            for s in raw.supports.values()
            if s.currency == currency
            and s.state == "ended"
            and within(s.ended_at, days)
            and WAYS.get(s.end_reason, "other") == way
        ]
        row |= {way: len(ended), f"{way}_mrr": sum(_lost(raw, support) for support in ended)}
    return row


def _lost(raw: Raw, support: int) -> int:
    """What it brought in a month before it brought nothing for the last time."""
    lost = [-m.amount for m in raw.moves if m.support == support and m.name.startswith("churn")]
    return lost[-1] if lost else 0


def why(raw: Raw, currency: str, days: Period) -> Rows:
    """How often each reason was given; whoever gave none is in no share."""
    said = {each.subscription_id: each.reason for each in raw.leavings}
    count = Counter(
        said.get(s.id)
        for s in raw.supports.values()
        if s.currency == currency
        and s.state == "ended"
        and s.end_reason == "voluntary"
        and within(s.ended_at, days)
    )
    silent = count.pop(None, 0)
    rows = [
        {"left": number, "share": Fraction(number, count.total())}
        for number in sorted(count.values(), reverse=True)
    ]
    return rows + ([{"left": silent, "share": None}] if silent else [])


class Cohort:
    """Accounts whose first movement in the currency was in a month; `months` are those after."""

    def __init__(self, first: list[Move], months: list[dict[int, int]]) -> None:
        self.began = len(first)
        self.began_mrr = sum(move.amount for move in first)
        self.running = [len(each) for each in months]
        self.mrr = [sum(each.values()) for each in months]


def cohorts(raw: Raw, currency: str, until: date) -> dict[date, Cohort]:
    """Those of months that were over by then, by the first day of their month."""
    first: dict[int, Move] = {}
    for move in raw.moves:
        if move.currency == currency:
            first.setdefault(move.account, move)
    began: dict[date, list[Move]] = {}
    for move in first.values():
        began.setdefault(move.day.replace(day=1), []).append(move)
    over = []
    month = min(began, default=until)
    while end_of(month) <= until:
        over.append((month, raw.values(currency, end_of(month))))
        month = months_later(month, 1)
    found = {}
    for month, _ in over:
        accounts = {move.account for move in began.get(month, [])}
        months = [
            {s: value for s, value in values.items() if raw.supports[s].account_id in accounts}
            for later, values in over
            if later >= month
        ]
        found[month] = Cohort(began.get(month, []), months)
    return {month: each for month, each in found.items() if each.began}


def survival(found: dict[date, Cohort]) -> Rows:
    rows = []
    for months in range(max((len(each.running) for each in found.values()), default=0)):
        old = [each for each in found.values() if len(each.running) > months]
        began = sum(each.began for each in old)
        if began < ENOUGH:
            break
        give = Fraction(sum(each.running[months] for each in old), began)
        rows.append({"months": months, "began": began, "give": give})
    return rows


def has_room(month: int) -> bool:
    return month <= 12 or month in LATER


def by_number(found: dict[date, Cohort]) -> Rows:
    return [
        {"cohort": month, "began": each.began}
        | {
            f"month_{n}": Fraction(number, each.began)
            for n, number in enumerate(each.running)
            if has_room(n)
        }
        for month, each in found.items()
    ]


def by_revenue(found: dict[date, Cohort]) -> Rows:
    return [
        {"cohort": month, "began": each.began, "began_mrr": each.began_mrr}
        | {
            f"month_{n}": Fraction(mrr, each.began_mrr)
            for n, mrr in enumerate(each.mrr)
            if has_room(n)
        }
        for month, each in found.items()
    ]
