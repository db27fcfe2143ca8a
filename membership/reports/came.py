"""What was paid for by whom: tiers, intervals, currencies, countries of those who came.

Of where people live only steps of five are told, to everybody: two periods that differ by a day
must not tell where the one person lives who came on it (rule S10).
"""

from collections.abc import Mapping
from dataclasses import replace

from flask_babel import get_locale
from flask_babel import gettext as _

from config.settings import settings
from membership.billing.revenue import MONTHS
from membership.money import from_major
from membership.reports import pictures
from membership.reports.daily import Count
from membership.reports.figures import SMALLEST_GROUP, Figure, hide_small_group, share
from membership.reports.report import Asked, Cell, Column, Table
from membership.reports.rollups.joined import JOINED
from membership.reports.steps import Steps

INTERVALS = ("month", "year", "once")
# Of what is less than the first tier.
BELOW = ""


def came_tables(found: Steps, asked: Asked) -> tuple[Table, ...]:
    return (
        _tiers(found, asked),
        _intervals(found, asked),
        _currencies(found, asked),
        _countries(found.by_key(JOINED, "country")),
    )


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
        (str(name), *(_people(sums[tier, interval], asked) for interval in INTERVALS))
        for tier, name in names.items()
    )
    columns = (
        Column("tier", _("Amount"), "text"),
        Column("month", _("Monthly")),
        Column("year", _("Yearly")),
        Column("once", _("Once")),
    )
    return Table(
        "joined_tiers",
        _("How much those who came give"),
        columns,
        rows if any(sums.values()) else (),
        currency=asked.currency,
    )


def _people(number: int, asked: Asked) -> Figure:
    """So many people give that much: for few of them, that is an amount of few."""
    figure = Figure(number, denominator=number)
    return figure if asked.sees_all else hide_small_group(figure)


def _intervals(found: Steps, asked: Asked) -> Table:
    names = {"month": _("Monthly"), "year": _("Yearly"), "once": _("Once")}
    counts = found.by_key(JOINED, "interval")
    total = sum(count.number for count in counts.values())
    rows = tuple(
        (str(name), number, _discreet(share(number, total), asked))
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
        row: tuple[Cell, ...] = (currency, count.number)
        row += (_discreet(share(count.number, total), asked),)
        rows.append((*row, count.minor) if asked.sees_all else row)
    columns = (
        Column("currency", _("Currency"), "text"),
        Column("paid", _("Paid")),
        Column("share", _("Of all"), "share"),
    )
    amount = Column("amount", _("First payments"), "money")
    return Table(
        "joined_currencies",
        _("In which currencies those who came give"),
        (*columns, amount) if asked.sees_all else columns,
        tuple(rows),
    )


def _countries(counts: Mapping[str, Count]) -> Table:
    """In steps of five; what is less is with what is not known."""
    names = get_locale().territories
    told = {
        code: count.number - count.number % SMALLEST_GROUP
        for code, count in counts.items()
        if code and count.number >= SMALLEST_GROUP
    }
    shown = sorted(told.items(), key=lambda item: (-item[1], item[0]))
    rows: list[tuple[Cell, ...]] = [
        (code, str(names.get(code, code)), number) for code, number in shown
    ]
    rest = sum(count.number for count in counts.values()) - sum(told.values())
    if rest:
        others = hide_small_group(Figure(rest, denominator=rest))
        rows.append(("", str(_("Elsewhere, or not known")), others))
    columns = (
        Column("code", _("Code"), "text"),
        Column("country", _("Country"), "text"),
        Column("paid", _("Paid, in steps of five")),
    )
    return Table(
        "joined_countries",
        _("Where the cards of those who came are at home"),
        columns,
        tuple(rows),
    )


def _discreet(figure: Figure, asked: Asked) -> Figure:
    return figure if asked.sees_all else hide_small_group(figure)
