"""Rows as PostgreSQL's COPY takes them: a line of text each.

https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import Session
from sqlalchemy.schema import AddConstraint, DropConstraint

from membership.db import Base

NULL = "\\N"


def line(values: Iterable[Any]) -> str:
    """One row. KeyError for a value of a type that no seeded column has."""
    return "\t".join([WRITTEN[type(value)](value) for value in values])


@contextmanager
def checked_at_last(session: Session, tables: Iterable[str]) -> Iterator[None]:
    """Meanwhile rows of the tables may refer to anything; then all are checked at once.

    That takes half as long as a check for each row. Nobody else can read the tables until the
    transaction ends. Raises IntegrityError for a row that refers to nothing.
    """
    references: list[ForeignKeyConstraint] = [
        each for name in tables for each in Base.metadata.tables[name].foreign_key_constraints
    ]
    for each in references:
        session.execute(DropConstraint(each))
    yield
    for each in references:
        session.execute(AddConstraint(each, isolate_from_table=False))


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
