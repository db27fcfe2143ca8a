"""What stands inside an export of everything: which tables and columns it has, which not, why."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Table

from membership.db import Base
from membership.exports import tables

_HEAD = """\
Everything of the newsroom, taken along from {begun} on.

Times are in UTC (ISO 8601). Amounts end in _minor: they are whole numbers of the smallest unit of
the currency beside them (for Stripe, of two decimals where the currency has none of its own).
Tables were read one after another: what was written meanwhile may be in one and not in another.

In CSV files, nothing and an empty text look the same, lists are JSON, files are base64, and text
that a spreadsheet would take for a formula has an apostrophe before it. In SQLite, nothing is NULL,
truth is 1 or 0, and text is as it is.
"""


def text(begun: datetime) -> str:
    """For people, in plain text."""
    return "\n".join([_HEAD.format(begun=begun.isoformat(timespec="seconds")), *_lines()])


def _lines() -> Iterator[str]:
    yield "WHAT IS LEFT OUT"
    for name, why in tables.LEFT_OUT.items():
        yield f"- {name}: {why}."
    for name, (_condition, which) in tables.ROWS.items():
        yield f"- some rows of {name}: {which}"
    for table in tables.exported():
        yield ""
        yield table.name.upper()
        if about := meaning(table):
            yield about
        for column in tables.columns(table):
            yield f"  {column.name}: {kind(column)}"


def meaning(table: Table) -> str:
    """What a row of the table is, in a sentence or a few; empty when nobody has said."""
    known = {mapper.local_table: mapper.class_.__doc__ or "" for mapper in Base.registry.mappers}
    return " ".join(known.get(table, "").split())


def kind(column: Column[Any]) -> str:
    """Its type in PostgreSQL's words, and what it refers to."""
    refers = "".join(f", of {key.target_fullname}" for key in column.foreign_keys)
    is_key = ", key" if column.primary_key else ""
    return f"{str(column.type).lower()}{is_key}{refers}"
