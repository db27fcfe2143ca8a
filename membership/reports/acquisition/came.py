"""What was paid for by those who came: tiers, intervals, currencies."""

from dataclasses import replace

from flask_babel import gettext as _

from config.settings import settings
from membership.billing.revenue import MONTHS
from membership.money import from_major
from membership.reports import pictures
from membership.reports.acquisition.steps import Steps
from membership.reports.daily import Count
from membership.reports.report import Asked, Cell, Column, Table, people_of
from membership.reports.rollups.joined import JOINED

INTERVALS = ("month", "year", "once")
# Of what is less than the first tier.
BELOW = ""


def tables(found: Steps, asked: Asked) -> tuple[Table, ...]:
    return (_tiers(found, asked), _intervals(found, asked), _currencies(found, asked))


def tier_of(amount_minor: int, interval: str, currency: str) -> str:
    """The highest tier that an amount reaches, or BELOW; a year is twelve months.

    Amounts are as charged: who pays the card fee as well reaches no other tier by that, unless the
    amount was between two tiers.
    """
    reached = BELOW
    for tier in settings().tiers.get(currency, ()):
        least = from_major(tier.amount, currency).minor * MONTHS.get(interval, 1)
        if amount_minor >= least:
            reached = tier.name
    return reached


def _tiers(found: Steps, asked: Asked) -> Table:
    names = {
        "dinner": _("A dinner or more"),
        "lunch": _("A lunch"),
        "coffee": _("A coffee"),
        BELOW: _("Less than a coffee"),
    }
    sums = {(tier, interval): 0 for tier in names for interval in INTERVALS}
    for key, count in found.by_key(JOINED, "amount", asked.currency).items():
        interval, _colon, amount = key.partition(":")
        sums[tier_of(int(amount), interval, asked.currency), interval] += count.number
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (str(name), *(sums[tier, interval] for interval in INTERVALS))
        for tier, name in names.items()
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
    )
    tones = {"month": "coffee", "year": "ember", "once": "muted"}
    return replace(table, picture=pictures.stacked(table, "tier", tones))


def _intervals(found: Steps, asked: Asked) -> Table:
    names = {"month": _("Monthly"), "year": _("Yearly"), "once": _("Once")}
    counts = found.by_key(JOINED, "interval")
    total = sum(count.number for count in counts.values())
    rows = tuple(
        (str(name), *people_of(number, total, asked))
        for interval, name in names.items()
        if (number := counts.get(interval, Count()).number)
    )
    columns = (
        Column("interval", _("How often"), "text"),
        Column("paid", _("Paid")),
        Column("share", _("Of all"), "share"),
    )
    table = Table("joined_intervals", _("How often those who came give"), columns, rows)
    return replace(table, picture=pictures.bars(table, "interval", {"paid": "coffee"}))


def _currencies(found: Steps, asked: Asked) -> Table:
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
    )
    return replace(table, picture=pictures.bars(table, "currency", {"paid": "coffee"}))
