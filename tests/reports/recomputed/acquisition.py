"""Why people come, from plain rows (rule D4)."""

from collections import Counter
from datetime import date
from math import sqrt
from statistics import NormalDist
from typing import Any

from config.settings import settings
from membership.money import from_major
from membership.reports.periods import Period
from membership.reports.report import Asked
from tests.reports.recomputed.overview import Rows
from tests.reports.recomputed.raw import Move, Plain, Raw, within
from tests.reports.recomputed.recovery import share

STEPS = ("read", "ask_seen", "support_page", "checkout", "paid")
INTERVALS = ("month", "year", "once")
# Of a normal curve, 95 in 100 lie so near.
Z = NormalDist().inv_cdf(0.975)


def read(raw: Raw, step: str, days: Period | None, **where: int) -> int:
    return sum(
        row.number
        for row in raw.readings
        if row.step == step
        and (days is None or days.first_day <= row.day <= days.last_day)
        and all(getattr(row, name) == value for name, value in where.items())
    )


def begun(raw: Raw, days: Period) -> list[tuple[Move, Plain | None]]:
    """With what each support began in these days, and its checkout."""
    return [
        (move, raw.checkouts.get(raw.supports[move.support].checkout_id))
        for move in raw.first_of_supports()
        if within(move.at, days)
    ]


def last(page: Plain | None) -> int | None:
    return None if page is None else page.article_id or page.first_article_id


def first(page: Plain | None) -> int | None:
    return None if page is None else page.first_article_id or page.article_id


def checkouts(raw: Raw, step: str, days: Period | None) -> list[Plain]:
    column = "created_at" if step == "checkout" else "completed_at"
    return [
        page
        for page in raw.checkouts.values()
        if (step == "checkout" or page.state == "completed")
        and (days is None or within(getattr(page, column), days))
    ]


def tiles(raw: Raw, asked: Asked) -> dict[str, Any]:
    days = asked.period
    if not _is_there(raw, days):
        return {}
    came = begun(raw, days)
    from_stories = [move for move, page in came if last(page)]
    return {
        "reads": sum(read(raw, "read", days, article_id=each) for each in _stories(raw)),
        "asks_seen": sum(read(raw, "ask_seen", days, article_id=each) for each in _stories(raw)),
        "joined": len(came),
        "joined_by_stories": share(len(from_stories), len(came)),
        "joined_mrr": sum(move.amount for move, _ in came if move.currency == asked.currency),
    }


def _is_there(raw: Raw, days: Period) -> bool:
    """Whether there is anything to say of these days."""
    pages = checkouts(raw, "checkout", days) or checkouts(raw, "paid", days)
    return bool(pages or any(read(raw, step, days) for step in STEPS[:3]))


def _stories(raw: Raw) -> set[int]:
    return {row.article_id for row in raw.readings} - {0}


def tables(raw: Raw, asked: Asked) -> dict[str, Rows]:
    if not _is_there(raw, asked.period):
        return {}
    variants = sorted({row.variant_id for row in raw.readings})
    paid = checkouts(raw, "paid", asked.period)
    asks = [_ask(raw, variant, asked.period) for variant in variants]
    return {
        "funnel": _funnel(raw, asked.period),
        "stories": _by_story(raw, asked),
        "asks": [row for row in asks if any(row[key] for key in ("seen", "checkouts", "paid"))],
        "joined_tiers": _tiers(paid, asked.currency),
        "joined_intervals": [
            {"paid": n, "share": share(n, len(paid))}
            for n in (sum(p.interval == each for p in paid) for each in INTERVALS)
            if n
        ],
        "joined_currencies": _currencies(paid),
        "joined_countries": _countries(raw, asked),
    }


def _funnel(raw: Raw, days: Period) -> Rows:
    rows: Rows = []
    before = None
    for step in STEPS:
        if step in STEPS[:3]:
            by_itself = read(raw, step, days, article_id=0)
            from_stories = read(raw, step, days) - by_itself
        else:
            pages = checkouts(raw, step, days)
            from_stories = sum(last(page) is not None for page in pages)
            by_itself = len(pages) - from_stories
        of_before = None if before is None else share(from_stories, before)
        rows.append(
            {
                "from_stories": from_stories,
                "of_the_step_before": of_before,
                "by_itself": by_itself,
            }
        )
        before = from_stories
    return rows


def _by_story(raw: Raw, asked: Asked) -> Rows:
    came = begun(raw, asked.period)
    rows = []
    for story in (*sorted(_stories(raw)), None):
        direct = [move for move, page in came if last(page) == story]
        influenced = [move for move, page in came if story in (last(page), first(page))]
        reads = read(raw, "read", asked.period, article_id=story) if story else 0
        row: dict[str, Any] = {
            "reads": reads,
            "asks_seen": read(raw, "ask_seen", asked.period, article_id=story) if story else 0,
            "direct": len(direct),
            "influenced": len(influenced),
            "direct_per_1000": share(len(direct), reads),
            "influenced_per_1000": share(len(influenced), reads),
            "mrr": sum(move.amount for move in direct if move.currency == asked.currency),
        }
        if story is None or any(row[key] for key in ("reads", "asks_seen", "direct", "influenced")):
            rows.append(row)
    return rows


def _ask(raw: Raw, variant: int, days: Period) -> dict[str, Any]:
    def pages(step: str) -> int:
        return sum((page.ask_variant_id or 0) == variant for page in checkouts(raw, step, days))

    seen = read(raw, "ask_seen", days, variant_id=variant)
    paid = pages("paid")
    low, high = wilson(paid, seen) if seen and paid <= seen else (None, None)
    return {
        "seen": seen,
        "support_pages": read(raw, "support_page", days, variant_id=variant),
        "checkouts": pages("checkout"),
        "paid": paid,
        "paid_per_1000": share(paid, seen),
        "from": low,
        "to": high,
    }


def wilson(part: int, whole: int) -> tuple[float, float]:
    """https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval"""
    p, z2 = part / whole, Z * Z
    middle = p + z2 / (2 * whole)
    half = Z * sqrt(p * (1 - p) / whole + z2 / (4 * whole * whole))
    return (middle - half) / (1 + z2 / whole), (middle + half) / (1 + z2 / whole)


def _tiers(paid: list[Plain], currency: str) -> Rows:
    tiers = settings().tiers.get(currency, ())
    steps = [0, *(from_major(tier.amount, currency).minor for tier in tiers)]
    bounds = list(zip(steps, [*steps[1:], None], strict=True))
    rows = [dict.fromkeys(INTERVALS, 0)] * (4 - len(bounds))
    for low, high in reversed(bounds):
        row = {}
        for interval in INTERVALS:
            months = 12 if interval == "year" else 1
            row[interval] = sum(
                page.currency == currency
                and page.interval == interval
                and low * months <= page.amount_minor
                and (high is None or page.amount_minor < high * months)
                for page in paid
            )
        rows.append(row)
    return rows if any(any(row.values()) for row in rows) else []


def _currencies(paid: list[Plain]) -> Rows:
    number = Counter(page.currency for page in paid)
    return [
        {
            "currency": code,
            "paid": count,
            "share": share(count, len(paid)),
            "amount": sum(page.amount_minor for page in paid if page.currency == code),
        }
        for code, count in sorted(number.items())
    ]


def _quarter(day: date) -> tuple[int, int]:
    return day.year, (day.month - 1) // 3


def _countries(raw: Raw, asked: Asked) -> Rows:
    """Of each whole quarter that the days touch and that is over, rounded down by itself."""
    touched = set(map(_quarter, asked.period.months)) - {_quarter(asked.today)}
    paid = [
        (_quarter(page.completed_at.date()), page.country or "")
        for page in checkouts(raw, "paid", None)
        if _quarter(page.completed_at.date()) in touched
    ]
    told: Counter[str] = Counter()
    for (_when, code), count in Counter(paid).items():
        told[code] += count // 5 * 5 if code else 0
    rows = [{"code": code, "paid": count} for code, count in sorted(told.items()) if count]
    rest = len(paid) - told.total()
    return [{"code": "", "paid": rest if rest >= 5 else None}, *rows] if rest else rows
