"""Rows as PostgreSQL's COPY takes them: a line of text each.

https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Constraint, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Session
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex

from membership.db import Base

NULL = "\\N"


def line(values: Iterable[Any]) -> str:
    """One row. KeyError for a value of a type that no seeded column has."""
    return "\t".join([WRITTEN[type(value)](value) for value in values])


@contextmanager
def checked_at_last(session: Session, tables: Collection[str]) -> Iterator[None]:
    """Meanwhile the tables have neither keys nor indexes; then all are made at once, as they were.

    That takes a fraction of what each row would cost by itself. Nobody else can read the tables
    until the transaction ends. Raises IntegrityError for a row that refers to nothing, or is there
    twice.
    """
    # What refers to a key goes before the key, and comes back after it.
    constraints = [*_references(tables), *_keys(tables)]
    for each in constraints:
        session.execute(DropConstraint(each))
    with indexed_at_last(session, tables):
        yield
    for each in reversed(constraints):
        session.execute(AddConstraint(each, isolate_from_table=False))


@contextmanager
def indexed_at_last(session: Session, tables: Collection[str]) -> Iterator[None]:
    """Meanwhile the tables have no indexes but those of their keys."""
    indexes = [each for name in tables for each in Base.metadata.tables[name].indexes]
    for each in indexes:
        session.execute(DropIndex(each))
    yield
    for each in indexes:
        session.execute(CreateIndex(each))


def _references(tables: Collection[str]) -> list[Constraint]:
    """Those in the tables, and those of others to them."""
    return [
        each
        for table in Base.metadata.sorted_tables
        for each in table.foreign_key_constraints
        if table.name in tables or each.referred_table.name in tables
    ]


def _keys(tables: Collection[str]) -> list[Constraint]:
    return [
        each
        for name in tables
        for each in Base.metadata.tables[name].constraints
        if isinstance(each, PrimaryKeyConstraint | UniqueConstraint)
    ]


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
