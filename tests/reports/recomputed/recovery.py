"""What became of payments that failed, from plain rows (rule D3)."""

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from statistics import median
from typing import Any

from membership.reports.periods import Period
from membership.reports.report import Asked
from tests.reports.recomputed.overview import Rows, pieces
from tests.reports.recomputed.raw import Plain, Raw, monthly, within

MEANS = ("mail", "retry", "patron")


def share(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def money(rows: Iterable[Plain]) -> int:
    return sum(row.amount_minor for row in rows)


def failed(raw: Raw, currency: str, days: Period) -> list[Plain]:
    return [d for d in raw.dunnings if d.currency == currency and within(d.failed_at, days)]


def came(rows: Iterable[Plain]) -> list[Plain]:
    return [row for row in rows if row.recovered_at]


def still(rows: Iterable[Plain]) -> list[Plain]:
    return [row for row in rows if not row.recovered_at and not row.given_up_at]


def tiles(raw: Raw, asked: Asked) -> dict[str, Any]:
    found = failed(raw, asked.currency, asked.period)
    recovered = came(found)
    now = still(d for d in raw.dunnings if d.currency == asked.currency)
    days = [(d.recovered_at - d.failed_at).days for d in recovered]
    return {
        "failed": len(found),
        "recovered": share(len(recovered), len(found)),
        "recovery_days": Fraction(median(days)) if days else None,
        "failing": len(now),
        "failed_value": money(found),
        "recovered_value": share(money(recovered), money(found)),
        "failing_value": money(now),
    }


def tables(raw: Raw, asked: Asked) -> dict[str, Rows]:
    found = failed(raw, asked.currency, asked.period)
    codes = {row.decline_code for row in found}
    return {
        "recovery": [
            {"month": month} | _fate(failed(raw, asked.currency, days))
            for month, days in pieces(asked.period)
        ],
        "decline_codes": sorted(
            (
                {"code": code or ""} | _came([row for row in found if row.decline_code == code])
                for code in codes
            ),
            key=lambda row: row["code"],
        ),
        "recovered_by": _means(came(found)),
        "cards": [_cards(raw, asked, days) for days in (30, 60, 90)],
    }


def _came(rows: list[Plain]) -> dict[str, Any]:
    recovered = came(rows)
    return {
        "failed": len(rows),
        "recovered": len(recovered),
        "share": share(len(recovered), len(rows)),
        "failed_value": money(rows),
        "recovered_value": money(recovered),
        "share_value": share(money(recovered), money(rows)),
    }


def _fate(rows: list[Plain]) -> dict[str, Any]:
    gone = [row for row in rows if row.given_up_at and not row.recovered_at]
    return _came(rows) | {"given_up": len(gone), "open": len(still(rows))}


def _means(rows: list[Plain]) -> Rows:
    by = {means: [row for row in rows if row.recovered_by == means] for means in MEANS}
    return [
        {
            "recovered": len(found),
            "share": share(len(found), len(rows)),
            "recovered_value": money(found),
        }
        for found in by.values()
    ]


def _cards(raw: Raw, asked: Asked, days: int) -> dict[str, Any]:
    soon = [
        s
        for s in raw.supports.values()
        if s.currency == asked.currency
        and s.state in ("active", "past_due", "paused")
        and s.card_expires_on is not None
        and asked.today <= s.card_expires_on <= asked.today + timedelta(days=days)
    ]
    # A paused one brings its amount again once it is charged.
    brings = sum(monthly(s.amount_minor, s.interval) for s in soon)
    return {"days": days, "cards": len(soon), "mrr": brings}
