"""The statements that cast a ballot and take it back: each decides and acts at once (rule V1)."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    and_,
    delete,
    false,
    func,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from membership.voting.eligibility import may_take_part
from membership.voting.models import Ballot, Round, RoundOption

LARGEST_ID = 2**63 - 1


def cast(round_id: int, account_id: int, choices: Iterable[int]) -> Select[Any]:
    """One row (is_open, is_eligible, is_valid, is_new); no row when there is no such round.

    The ballot was written if the first three are true; `is_new` then tells a first ballot from a
    changed one.
    """
    checked = _checked(round_id, account_id, choices)
    ballot = select(
        checked.c.id, literal(account_id, BigInteger), checked.c.choices, func.clock_timestamp()
    ).where(checked.c.is_open, checked.c.is_eligible, checked.c.is_valid)
    insertion = upsert(Ballot).from_select(["round_id", "account_id", "choices", "cast_at"], ballot)
    accepted = (
        insertion.on_conflict_do_update(
            index_elements=["round_id", "account_id"],
            set_={"choices": insertion.excluded.choices, "cast_at": insertion.excluded.cast_at},
        )
        # A row that was inserted has never been locked or changed.
        .returning(literal_column("ballot.xmax = 0").label("is_new"))
        .cte("accepted")
    )
    return (
        select(checked.c.is_open, checked.c.is_eligible, checked.c.is_valid, accepted.c.is_new)
        .select_from(checked)
        .outerjoin(accepted, true())
    )


def withdrawal(round_id: int, account_id: int) -> Select[Any]:
    """One row (is_open, id of the ballot that is gone); no row when there is no such round."""
    held = _held(round_id)
    checked = select(held.c.id, _is_open(held.c).label("is_open")).cte("checked")
    gone = (
        delete(Ballot)
        .where(Ballot.round_id == checked.c.id, Ballot.account_id == account_id, checked.c.is_open)
        .returning(Ballot.id)
        .cte("gone")
    )
    return select(checked.c.is_open, gone.c.id).select_from(checked).outerjoin(gone, true())


def _held(round_id: int) -> Any:
    """The round's row, share-locked: closing waits for us, other voters do not.

    PostgreSQL never inlines a CTE that locks rows, so whatever is checked against it is checked
    after the wait for the lock.
    """
    return (
        select(Round.id, Round.state, Round.opens_at, Round.closes_at, Round.max_choices)
        .where(Round.id == round_id)
        .with_for_update(read=True)
        .cte("held")
    )


def _is_open(held: Any) -> ColumnElement[bool]:
    clock = func.clock_timestamp()
    return and_(held.state == "open", held.opens_at <= clock, clock < held.closes_at)


def _checked(round_id: int, account_id: int, choices: Iterable[int]) -> Any:
    """What may be and what may not; referred to twice, so PostgreSQL computes it once."""
    # A number too large for a key names no topic; 0 does not either.
    chosen = sorted({choice if 0 < choice <= LARGEST_ID else 0 for choice in choices})
    ids = literal(chosen, ARRAY(BigInteger))
    held = _held(round_id)
    standing = (
        select(func.array_agg(RoundOption.topic_id))
        .where(RoundOption.round_id == held.c.id)
        .scalar_subquery()
    )
    is_valid = and_(
        func.cardinality(ids).between(1, held.c.max_choices),
        func.coalesce(ids.op("<@")(standing), false()),
    )
    return select(
        held.c.id,
        ids.label("choices"),
        _is_open(held.c).label("is_open"),
        may_take_part(account_id).label("is_eligible"),
        is_valid.label("is_valid"),
    ).cte("checked")
