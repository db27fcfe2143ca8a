"""Who stays, as docs/metrics.md says it, from plain rows (rule D2)."""

from collections import Counter
from datetime import date
from fractions import Fraction
from typing import Any

from membership.reports.periods import Period, months_later
from membership.reports.report import Asked
from tests.reports.recomputed.overview import DAY, Rows, end_of, pieces
from tests.reports.recomputed.raw import Move, Raw, within

# What a table has room for: the newest cohorts, each month of the first year and every sixth.
MOST_COHORTS = 24
WAYS = {"voluntary": "voluntary", "payment_failed": "payment_failed"}


def tiles(raw: Raw, asked: Asked) -> dict[str, Any]:
    days, currency = asked.period, asked.currency
    moved = raw.moved(currency, days)
    start = raw.mrr(currency, days.first_day - DAY)
    gross = start + sum(m.amount for m in moved if is_loss(m))
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
        "gross_retention": Fraction(gross, start) if start else None,
        "net_retention": Fraction(gross + gained(moved), start) if start else None,
        "churn": churn,
        "arpu": round(Fraction(mrr, patrons)) if patrons else None,
        "margin": margin,
        "ltv": lifetime,
        "three_year_value": three_years,
    }


def is_loss(move: Move) -> bool:
    return move.name == "contraction" or move.name.startswith("churn")


def gained(moved: list[Move]) -> int:
    return sum(move.amount for move in moved if move.name == "expansion")


def monthly_churn(raw: Raw, currency: str, days: Period) -> Fraction | None:
    left = patrons = 0
    for month in days.months:
        if days.first_day <= month and end_of(month) <= days.last_day:
            whole = Period(month, end_of(month))
            left += sum(m.name.startswith("churn") for m in raw.moved(currency, whole))
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
        "patron_retention": [
            patrons_of_month(raw, currency, month, days) for month, days in pieces(period)
        ],
        "revenue_retention": [
            revenue_of_month(raw, currency, month, days) for month, days in pieces(period)
        ],
        "left": [ends_of_month(raw, currency, month, days) for month, days in pieces(period)],
        "left_why": why(raw, currency, period),
    }


def patrons_of_month(raw: Raw, currency: str, month: date, days: Period) -> dict[str, Any]:
    start = raw.patrons(currency, days.first_day - DAY)
    left = sum(m.name.startswith("churn") for m in raw.moved(currency, days))
    stayed = Fraction(start - left, start) if start else None
    return {"month": month, "start": start, "left": left, "stayed": stayed}


def revenue_of_month(raw: Raw, currency: str, month: date, days: Period) -> dict[str, Any]:
    moved = raw.moved(currency, days)
    start = raw.mrr(currency, days.first_day - DAY)
    churn = -sum(m.amount for m in moved if m.name.startswith("churn"))
    contraction = -sum(m.amount for m in moved if m.name == "contraction")
    kept = start - churn - contraction
    return {
        "month": month,
        "start": start,
        "churn": churn,
        "contraction": contraction,
        "expansion": gained(moved),
        "gross": Fraction(kept, start) if start else None,
        "net": Fraction(kept + gained(moved), start) if start else None,
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
        give = Fraction(sum(each.running[months] for each in old), began)
        rows.append({"months": months, "began": began, "give": give})
    return rows


def has_room(month: int) -> bool:
    return month <= 12 or month % 6 == 0


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
