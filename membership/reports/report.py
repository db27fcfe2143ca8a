"""What a page of figures consists of: tiles, tables and their pictures. Pure.

A page is built once from these; what is shown, what is drawn and the CSV are the same rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Self

from membership.reports.figures import Figure, hide_small_group, share
from membership.reports.periods import Period

# "count" and "money" are integers (money in minor units), "share" a Figure of share(), "per_mille"
# a share as so many of 1,000, "days" a number of days, "ratio" a Decimal, "day" and "month" dates,
# "text" anything that reads as it is.
Unit = Literal["text", "count", "money", "share", "per_mille", "days", "ratio", "day", "month"]
Cell = str | int | Decimal | date | Figure | None
# The address of the rows behind one row of a table: of what they are told apart by, and its value.
Behind = Callable[[str, str], str]


@dataclass(frozen=True)
class Asked:
    """What somebody wants figures of.

    `currency` is one code; `is_converted` asks for all currencies in it, at daily rates. Who does
    not see all gets counts and shares of counts, and nothing that is made of amounts: two of them
    beside each other tell what one person gives. See Report.seen_by(), discreet() and people()
    (rules S8, S10).
    """

    today: date
    period: Period
    currency: str
    sees_all: bool
    is_converted: bool = False


def discreet(figure: Figure, asked: Asked) -> Figure:
    """Without its value where it is about fewer than 5 people, for who does not see all."""
    return figure if asked.sees_all else hide_small_group(figure)


def people(number: int, asked: Asked) -> Cell:
    """How many of a kind there are; hidden where they are fewer than 5, for who does not see all.

    How often something happened (who came, left, paid) is no such group, and told to all staff.
    """
    figure = discreet(Figure(number, denominator=number), asked)
    return figure if figure.is_hidden else number


def people_of(number: int, whole: int, asked: Asked) -> tuple[Cell, Cell]:
    """How many of a kind there are, and their share of `whole`; neither where they are few."""
    shown = people(number, asked)
    return shown, shown if isinstance(shown, Figure) else discreet(share(number, whole), asked)


@dataclass(frozen=True)
class Column:
    """`key` heads the column in the CSV, `name` on the page.

    Of amounts is all money, and what says so: a share of money.
    """

    key: str
    name: Any
    unit: Unit = "count"
    of_amounts: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells, one a column; a Figure may stand in any of them and says when it is hidden.

    `key` is that of the definition that says what the figures are. `currency` is that of all its
    money, unless a column "currency" says it row by row. `picture` is what js/chart.js draws.
    `behind` is the address of the rows behind the whole table; `links` are those behind each row,
    `cell_links` those behind its cells, by key of their column. `of_amounts` are all its columns.
    """

    key: str
    title: Any
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    currency: str = ""
    summary: Any = ""
    picture: Mapping[str, Any] | None = None
    behind: str = ""
    links: tuple[str, ...] = ()
    cell_links: tuple[Mapping[str, str], ...] = ()
    of_amounts: bool = False

    def column(self, key: str) -> tuple[Cell, ...]:
        """The cells below a column's key. ValueError when there is none."""
        number = [column.key for column in self.columns].index(key)
        return tuple(row[number] for row in self.rows)

    def without_amounts(self) -> Self:
        """What is not made of amounts; its picture has to be of that alone."""
        kept = [number for number, column in enumerate(self.columns) if _is_for_all(column)]
        return replace(
            self,
            columns=tuple(self.columns[number] for number in kept),
            rows=tuple(tuple(row[number] for number in kept) for row in self.rows),
        )


@dataclass(frozen=True)
class Tile:
    """One figure by itself; `change` is set beside it with its sign, `note` is a few words."""

    key: str
    figure: Figure
    unit: Unit = "count"
    change: Figure | None = None
    note: Any = ""
    behind: str = ""
    of_amounts: bool = False


@dataclass(frozen=True)
class Report:
    """A page of figures. `as_of` is the time of its data, None when there is none yet.

    One without tiles and tables may say by `nothing` what did not happen. It is built as for who
    sees all, but for small groups; seen_by() has to be asked before it is shown.
    """

    tiles: tuple[Tile, ...]
    tables: tuple[Table, ...]
    as_of: datetime | None
    sentence: Any = ""
    nothing: Any = ""

    def seen_by(self, asked: Asked) -> Self:
        """Without what is made of amounts, for who does not see all."""
        if asked.sees_all:
            return self
        return replace(
            self,
            tiles=tuple(tile for tile in self.tiles if _is_for_all(tile)),
            tables=tuple(each.without_amounts() for each in self.tables if not each.of_amounts),
        )


def _is_for_all(each: Column | Tile) -> bool:
    return not each.of_amounts and each.unit != "money"
