"""The words of a comparison: a step along a list, whom it suspects, and what a close look sees."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

# {field: [ours, Stripe's]}, as JSON; null for what one side does not have.
Fields = dict[str, list[Any]]


@dataclass(frozen=True)
class Suspect:
    """An object that may differ: "subscription", "ledger", "invoice" or "payment", and its id."""

    kind: str
    stripe_id: str


@dataclass(frozen=True)
class Place:
    """How far a walk has come: the object looked at last, and the time that it carries."""

    after: str | None = None
    reached_at: datetime | None = None


@dataclass(frozen=True)
class Step:
    """One page of a walk: how many objects it held and who is suspect.

    `place` is where to go on, None at the end. `answered_at` is Stripe's clock, None when Stripe
    was not asked.
    """

    count: int
    suspects: list[Suspect]
    place: Place | None
    answered_at: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """What a close look saw: the fields that differ, if any, and whose they are."""

    fields: Fields = field(default_factory=dict)
    account_id: int | None = None


NOTHING = Seen()


def differing(ours: object, theirs: Mapping[str, Any]) -> Fields:
    """The fields of `theirs` that `ours`, a row or None, has otherwise."""
    pairs = ((name, getattr(ours, name, None), value) for name, value in theirs.items())
    return {name: [_plain(mine), _plain(value)] for name, mine, value in pairs if mine != value}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
