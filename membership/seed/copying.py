"""Rows as PostgreSQL's COPY takes them: a line of text each.

https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

NULL = "\\N"


def line(values: Iterable[Any]) -> str:
    """One row. KeyError for a value of a type that no seeded column has."""
    return "\t".join([WRITTEN[type(value)](value) for value in values])


def _text(value: str) -> str:
    if "\\" in value or "\n" in value or "\t" in value:
        value = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return value


WRITTEN: dict[type, Callable[[Any], str]] = {
    str: _text,
    int: str,
    datetime: datetime.isoformat,
    date: date.isoformat,
    bool: lambda value: "t" if value else "f",
    UUID: str,
    type(None): lambda _: NULL,
}
