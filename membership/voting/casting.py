"""The statements that cast a ballot and take it back: each decides and acts at once (rule V1).

They are built once, when this file is read, constants and all: what is left to do for a ballot is
to send four values, and one answer is waited for.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    TextClause,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from membership.db import LARGEST_ID
from membership.voting.eligibility import may_take_part
from membership.voting.models import Ballot, Round, RoundOption

_ROUND = literal_column(":round_id", BigInteger)
_ACCOUNT = literal_column(":account_id", BigInteger)
# What was chosen, as it was named and as a set.
_RANKED = literal_column(":ranked", ARRAY(BigInteger))
_CHOSEN = literal_column(":chosen", ARRAY(BigInteger))


def cast(
    session: Session, round_id: int, account_id: int, choices: Iterable[int]
) -> Row[Any] | None:
    """One row (is_open, is_eligible, is_valid, is_new); None when no such round is open.

    The ballot was written if the first three are true; `is_new` then tells a first ballot from a
    changed one. For approval the choices are kept in ascending order and naming one twice is
    naming it once; a ranking is kept as it is given and names each topic once.
    """
    ranked = [_id(choice) for choice in choices]
    values = {
        "round_id": _id(round_id),
        "account_id": account_id,
        "ranked": ranked,
        "chosen": sorted(set(ranked)),
    }
    return session.connection().execute(CAST, values).one_or_none()


def withdraw(session: Session, round_id: int, account_id: int) -> Row[Any] | None:
    """One row (is_open, id of the ballot that is gone); None when no such round is open."""
    values = {"round_id": _id(round_id), "account_id": account_id}
    return session.connection().execute(WITHDRAWAL, values).one_or_none()


def _id(number: int) -> int:
    """A number too large for a key names nothing; 0 does not either."""
    return number if 0 < number <= LARGEST_ID else 0


def _casting() -> Select[Any]:
    checked = _checked()
    ballot = select(checked.c.id, _ACCOUNT, checked.c.choices, checked.c.looked_at).where(
        checked.c.is_open, checked.c.is_eligible, checked.c.is_valid
    )
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


def _withdrawal() -> Select[Any]:
    timed = _timed()
    checked = select(timed.c.id, _is_open(timed.c).label("is_open")).cte("checked")
    gone = (
        delete(Ballot)
        .where(Ballot.round_id == checked.c.id, Ballot.account_id == _ACCOUNT, checked.c.is_open)
        .returning(Ballot.id)
        .cte("gone")
    )
    return select(checked.c.is_open, gone.c.id).select_from(checked).outerjoin(gone, true())


def _held() -> Any:
    """The open round's row, share-locked: closing waits for us, other voters do not.

    PostgreSQL never inlines a CTE that locks rows, so whatever is checked against it is checked
    after the wait for the lock; the state, too, is looked at again then. The ballot's foreign key
    would lock the row anyway, only less. Who comes too late locks nothing: closing would never get
    its turn while they keep coming.
    """
    return (
        select(Round.id, Round.opens_at, Round.closes_at, Round.method, Round.max_choices)
        .where(Round.id == _ROUND, Round.state == "open", func.clock_timestamp() < Round.closes_at)
        .with_for_update(read=True)
        .cte("held")
    )


def _timed() -> Any:
    """The round and the clock, read once, after the wait: what is let in bears that very time."""
    return select(_held(), func.clock_timestamp().label("looked_at")).cte("timed")


def _is_open(timed: Any) -> ColumnElement[bool]:
    return and_(timed.opens_at <= timed.looked_at, timed.looked_at < timed.closes_at)


def _checked() -> Any:
    """What may be and what may not; referred to twice, so PostgreSQL computes it once."""
    timed = _timed()
    is_approval = timed.c.method == "approval"
    standing = (
        select(func.array_agg(RoundOption.topic_id))
        .where(RoundOption.round_id == timed.c.id)
        .scalar_subquery()
    )
    is_valid = and_(
        func.cardinality(_CHOSEN).between(1, timed.c.max_choices),
        or_(is_approval, func.cardinality(_RANKED) == func.cardinality(_CHOSEN)),
        func.coalesce(_CHOSEN.op("<@")(standing), false()),
    )
    return select(
        timed.c.id,
        timed.c.looked_at,
        case((is_approval, _CHOSEN), else_=_RANKED).label("choices"),
        _is_open(timed.c).label("is_open"),
        may_take_part(_ACCOUNT, opened_at=timed.c.opens_at).label("is_eligible"),
        is_valid.label("is_valid"),
    ).cte("checked")


def _written(statement: Select[Any]) -> TextClause:
    """The statement as text, whose only values are those above."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    said = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    values = (_ROUND, _ACCOUNT, _RANKED, _CHOSEN)
    return text(said).bindparams(
        *(bindparam(each.name[1:], type_=each.type) for each in values if each.name in said)
    )


CAST = _written(_casting())
WITHDRAWAL = _written(_withdrawal())
