"""What was paid for by those who came: tiers, intervals, currencies."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from config.settings import settings
from membership.billing.revenue import MONTHS
from membership.money import from_major
from membership.reports import pictures
from membership.reports.acquisition.steps import Steps
from membership.reports.report import Asked, Cell, Column, Table, people_of
from membership.reports.rollups.joined import JOINED
from membership.reports.words import Words

INTERVALS = ("month", "year", "once")
ALL = "all"
# What is less than the first tier.
BELOW = "below"
TIERS: Words = MappingProxyType(
    {
        "dinner": _l("A dinner or more"),
        "lunch": _l("A lunch"),
        "coffee": _l("A coffee"),
        BELOW: _l("Less than a coffee"),
    }
)
# The address of the payments of an interval or all ("paid"), of a currency ("given"), of a tier.
RowsOf = Callable[..., str]


def tables(found: Steps, asked: Asked, rows_of: RowsOf) -> tuple[Table, ...]:
    return (
        _tiers(found, asked, rows_of),
        _intervals(found, asked, rows_of),
        _currencies(found, asked, rows_of),
    )


def tier_of(amount_minor: int, interval: str, currency: str) -> str:
    """The highest tier that an amount reaches, or BELOW; a year is twelve months.

    Amounts are as charged: who pays the card fee as well reaches no other tier by that, unless the
    amount was between two tiers.
    """
    reached = leasts(interval, currency).items()
    return [tier for tier, least in reached if amount_minor >= least][-1]


def amounts(tier: str, interval: str, currency: str) -> tuple[int, int | None]:
    """From which amount on, and below which (None: any), it is a tier; one of leasts()."""
    known = leasts(interval, currency)
    return known[tier], next((each for each in known.values() if each > known[tier]), None)


def leasts(interval: str, currency: str) -> dict[str, int]:
    """The tiers of a currency with the least amounts that reach them, the smallest first."""
    months = MONTHS.get(interval, 1)
    tiers = settings().tiers.get(currency, ())
    return {BELOW: 0} | {
        tier.name: from_major(tier.amount, currency).minor * months for tier in tiers
    }


def _tiers(found: Steps, asked: Asked, rows_of: RowsOf) -> Table:
    sums = {(tier, interval): 0 for tier in TIERS for interval in INTERVALS}
    for key, count in found.by_key(JOINED, "amount", asked.currency).items():
        interval, _colon, amount = key.partition(":")
        sums[tier_of(int(amount), interval, asked.currency), interval] += count.number
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (str(name), *(sums[tier, interval] for interval in INTERVALS))
        for tier, name in TIERS.items()
    )
    columns = (
        Column("tier", _("Amount"), "text"),
        Column("month", _("Monthly")),
        Column("year", _("Yearly")),
        Column("once", _("Once")),
    )
    table = Table(
        "joined_tiers",
        _("How much those who came give"),
        columns,
        rows if any(sums.values()) else (),
        currency=asked.currency,
        of_amounts=True,
        cell_links=tuple(
            {
                interval: rows_of(paid=interval, given=asked.currency, tier=tier)
                for interval in INTERVALS
                if sums[tier, interval]
            }
            for tier in TIERS
        ),
    )
    tones = {"month": "coffee", "year": "ember", "once": "muted"}
    return replace(table, picture=pictures.stacked(table, "tier", tones))


def _intervals(found: Steps, asked: Asked, rows_of: RowsOf) -> Table:
    names = {"month": _("Monthly"), "year": _("Yearly"), "once": _("Once")}
    counts = found.by_key(JOINED, "interval")
    total = sum(count.number for count in counts.values())
    shown = [interval for interval in names if interval in counts]
    columns = (
        Column("interval", _("How often"), "text"),
        Column("paid", _("Paid")),
        Column("share", _("Of all"), "share"),
    )
    table = Table(
        "joined_intervals",
        _("How often those who came give"),
        columns,
        tuple((str(names[each]), *people_of(counts[each].number, total, asked)) for each in shown),
        links=tuple(rows_of(paid=each) for each in shown),
    )
    return replace(table, picture=pictures.bars(table, "interval", {"paid": "coffee"}))


def _currencies(found: Steps, asked: Asked, rows_of: RowsOf) -> Table:
    counts = found.by_currency(JOINED, "interval")
    total = sum(count.number for count in counts.values())
    rows: list[tuple[Cell, ...]] = []
    for currency, count in counts.items():
        rows.append((currency, *people_of(count.number, total, asked), count.minor))
    columns = (
        Column("currency", _("Currency"), "text"),
        Column("paid", _("Paid")),
        Column("share", _("Of all"), "share"),
        Column("amount", _("First payments"), "money"),
    )
    table = Table(
        "joined_currencies",
        _("In which currencies those who came give"),
        columns,
        tuple(rows),
        links=tuple(rows_of(given=currency) for currency in counts),
    )
    return replace(table, picture=pictures.bars(table, "currency", {"paid": "coffee"}))
