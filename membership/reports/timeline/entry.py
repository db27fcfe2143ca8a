"""What every source of a patron's story says of itself, and where a page of it ends."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_

from membership.accounts.models import Account
from membership.db import LARGEST_ID
from membership.money import Money, display
from membership.web.languages import current_language


@dataclass(frozen=True)
class Told:
    """What an entry says; `tone` is neutral, good, warning or bad."""

    title: str
    text: str = ""
    tone: str = "neutral"


@dataclass(frozen=True)
class Source:
    """Where entries of one sort come from.

    `rows` asks for all of an account's, without order; `told` says one of them, of what `rows`
    asked for. Entries stand by `at`, then by `name`, then by `id`; the first and the last are
    columns, the last one of whole numbers or UUIDs.
    """

    name: str
    kind: str
    at: Any
    id: Any
    rows: Callable[[Account], Select[*tuple[Any, ...]]]
    told: Callable[[Any], Told]

    def newest(
        self, account: Account, before: "Place | None", most: int
    ) -> Select[*tuple[Any, ...]]:
        """The newest so many after which `before` comes."""
        query = self.rows(account).add_columns(self.at.label("at"), self.id.label("of"))
        if before is not None:
            query = query.where(self._is_older(before))
        return query.order_by(self.at.desc(), self.id.desc()).limit(most)

    def _is_older(self, place: "Place") -> ColumnElement[bool]:
        at: ColumnElement[datetime] = self.at
        if self.name < place.source:
            return at < place.at
        if self.name > place.source:
            return at <= place.at
        number = self.id.type.python_type(place.id)
        return or_(at < place.at, and_(at == place.at, self.id < number))


@dataclass(frozen=True)
class Place:
    """Where an entry stands in the story: nothing else stands there."""

    at: datetime
    source: str
    id: str

    def __str__(self) -> str:
        return f"{self.at.isoformat()} {self.source} {self.id}"


@dataclass(frozen=True)
class Entry:
    """One line of the story; `kind` is its tone."""

    place: Place
    title: str
    text: str
    kind: str

    @property
    def at(self) -> datetime:
        return self.place.at


def place_in(text: str, sources: dict[str, Source]) -> Place | None:
    """The place that an address names; None when it names none."""
    try:
        at, name, number = text.split(" ")
        place = Place(datetime.fromisoformat(at), name, number)
        known = sources[name].id.type.python_type(number)
    except (ValueError, KeyError):
        return None
    is_too_large = isinstance(known, int) and abs(known) > LARGEST_ID
    return None if place.at.tzinfo is None or is_too_large else place


def money(minor: int, currency: str) -> str:
    return display(Money(minor, currency), current_language())
