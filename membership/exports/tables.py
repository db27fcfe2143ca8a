"""What an export of everything holds, and what it does not, and why.

A table or column that stands in neither list of what is left out is exported: a test looks that
no secret is among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    Text,
    cast,
    exists,
    literal,
    not_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from membership.db import Base
from membership.reports.models import RoundGroup
from membership.voting.models import (
    Ballot,
    Round,
    Tally,
    Topic,
    TopicSupport,
    Turnout,
)
from membership.voting.settling import FEWEST_TO_SHOW

_SECRET = "it is what people sign in with, or holds hashes of secrets"
_DERIVED = "it is worked out from the other tables, and can be again (`flask reports rebuild`)"
_MACHINERY = "it says how the machinery is doing, and nothing of the newsroom"
_DEFENCE = "it holds hashes of addresses and networks, for a few days, against stolen cards"
# By table, or table.column: why it is left out.
LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "sign_in": _SECRET,
        "sign_in_request": _SECRET,
        "address_change": _SECRET,
        "giving_attempt": _DEFENCE,
        "card_failure": _DEFENCE,
        "card_testing": _DEFENCE,
        "solved_challenge": _DEFENCE,
        "patron": _DERIVED,
        "daily_figures": _DERIVED,
        "daily_count": _DERIVED,
        "cohort_figures": _DERIVED,
        "running_figures": _DERIVED,
        "rollup_state": _MACHINERY,
        "heartbeat": _MACHINERY,
        "mail_provider": _MACHINERY,
        "comparison": _MACHINERY,
        "export": "it is the list of these files",
        "export_chunk": "it is these files themselves",
        "arrival": "it holds the files that patrons were brought in from",
        "arrival_problem": "it tells of the files that patrons were brought in from",
        "outbox_email": "its mails hold links that open accounts, and of a vote that is open they "
        "tell who has not voted yet",
        "mail_report.outbox_id": "it counts the mails, see outbox_email",
        "ballot.id": "it counts ballots, also those of a round that is open",
        "ballot.account_id": "it is empty: nobody knows who cast a ballot",
        "ballot.cast_at": "it is empty: nobody knows when a ballot was cast",
        "topic_follow": "who votes may follow what they choose, so it would tell what somebody "
        "voted for",
        "dunning.action_url": "it opens a payment",
        "stripe_event.payload": "Stripe has it",
        "article.words": "it is worked out from the article",
    }
)


def _settled(round_id: Any) -> ColumnElement[bool]:
    return exists().where(Round.id == round_id, Round.state == "settled")


def _shown(round_id: Any) -> ColumnElement[bool]:
    """SQL: of the round's ballots there are enough not to tell who cast which."""
    enough = exists().where(Tally.round_id == round_id, Tally.ballots >= FEWEST_TO_SHOW)
    return _settled(round_id) & enough


def _not_on_a_ballot(topic_id: Any) -> ColumnElement[bool]:
    return not_(exists().where(Topic.id == topic_id, Topic.state == "on_ballot"))


# By table: which of its rows, and in words which are not there.
ROWS: Mapping[str, tuple[ColumnElement[bool], str]] = MappingProxyType(
    {
        "ballot": (
            _shown(Ballot.round_id),
            f"Without the ballots of rounds that are not settled, or had fewer than "
            f"{FEWEST_TO_SHOW}.",
        ),
        "turnout": (_settled(Turnout.round_id), "Of settled rounds alone."),
        "round_group": (_settled(RoundGroup.round_id), "Of settled rounds alone."),
        "topic_support": (
            _not_on_a_ballot(TopicSupport.topic_id),
            "Without topics that are on a ballot now.",
        ),
    }
)


@dataclass(frozen=True)
class Batch:
    """Some rows of a table, in the order of its key; `last` is where they end, None at its end."""

    rows: list[tuple[Any, ...]]
    last: list[str] | None


def exported() -> list[Table]:
    """The tables, by name."""
    tables = Base.metadata.tables
    return [tables[name] for name in sorted(tables) if name not in LEFT_OUT]


def columns(table: Table) -> list[Column[Any]]:
    """Those of a table that are exported, its key first."""
    kept = [each for each in table.columns if f"{table.name}.{each.name}" not in LEFT_OUT]
    return sorted(kept, key=lambda column: not column.primary_key)


def batch(session: Session, table: Table, after: list[str] | None, most: int) -> Batch:
    """The next rows of a table, from behind `after` on; their values in the order of columns()."""
    key = list(table.primary_key.columns)
    shown = columns(table)
    query = select(*shown, *(column.label(f"key_{n}") for n, column in enumerate(key)))
    if table.name in ROWS:
        query = query.where(ROWS[table.name][0])
    if after is not None:
        place = [
            cast(literal(value, Text), column.type)
            for value, column in zip(after, key, strict=True)
        ]
        query = query.where(tuple_(*key) > tuple_(*place))
    found = list(session.execute(query.order_by(*key).limit(most)))
    ends_here = len(found) < most
    last = None if ends_here else [_as_text(value) for value in found[-1][len(shown) :]]
    return Batch([tuple(row)[: len(shown)] for row in found], last)


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
