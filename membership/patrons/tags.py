"""Tags: given to one patron or to all of a view, and taken away. Each is written down."""

from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import ARRAY, BigInteger, Table, any_, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership.accounts import audit, belongings
from membership.accounts.models import Account
from membership.patrons import filters
from membership.patrons.filters import Filters
from membership.patrons.models import Patron, PatronTag, Tagged

LONGEST = 40
# SQLAlchemy counts what was inserted only when told to.
COUNTED = {"preserve_rowcount": True}
UNSEEN = {"synchronize_session": False}


class TagNameError(ValueError):
    """No tag can be called so; nothing was changed."""


def every(session: Session) -> list[PatronTag]:
    """By name."""
    return list(session.scalars(select(PatronTag).order_by(func.lower(PatronTag.name))))


def of(session: Session, account_ids: Iterable[int]) -> dict[int, list[PatronTag]]:
    """The tags of each account that has any."""
    found: dict[int, list[PatronTag]] = {}
    rows = session.execute(
        select(Tagged.account_id, PatronTag)
        .join(PatronTag, PatronTag.id == Tagged.tag_id)
        .where(Tagged.account_id == any_(literal(list(account_ids), ARRAY(BigInteger))))
        .order_by(func.lower(PatronTag.name))
    )
    for account_id, tag in rows:
        found.setdefault(account_id, []).append(tag)
    return found


def find(session: Session, name: str) -> PatronTag | None:
    """The tag of this name, whatever its case. Raises TagNameError."""
    called = func.lower(PatronTag.name) == func.lower(_clean(name))
    return session.scalars(select(PatronTag).where(called)).one_or_none()


def find_or_create(session: Session, name: str) -> PatronTag:
    """The tag of this name, whatever its case. Raises TagNameError."""
    session.execute(insert(PatronTag).values(name=_clean(name)).on_conflict_do_nothing())
    tag = find(session, name)
    assert tag is not None, "it was there, or was written"
    return tag


def add(session: Session, actor: Account, tag: PatronTag, account: Account) -> None:
    """Let one patron bear it; who does already, still does."""
    patron = session.get(Patron, account.id)
    row = insert(Tagged).values(
        tag_id=tag.id,
        account_id=account.id,
        since_at=patron.since_at if patron else account.created_at,
    )
    if _changed(session.execute(row.on_conflict_do_nothing(), execution_options=COUNTED)):
        audit.record(
            session, "patron.tagged", f"account:{account.id}", actor_id=actor.id, tag=tag.name
        )


def remove(session: Session, actor: Account, tag: PatronTag, account: Account) -> None:
    """Let one patron bear it no more."""
    mine = delete(Tagged).where(Tagged.tag_id == tag.id, Tagged.account_id == account.id)
    if _changed(session.execute(mine, execution_options=UNSEEN)):
        audit.record(
            session, "patron.untagged", f"account:{account.id}", actor_id=actor.id, tag=tag.name
        )


def add_to_all(session: Session, actor: Account, tag: PatronTag, wanted: Filters) -> int:
    """Let everybody of a view bear it; how many did not before."""
    everybody = filters.ids(wanted).with_only_columns(
        literal(tag.id), Patron.account_id, Patron.since_at, maintain_column_froms=True
    )
    new = insert(cast(Table, Tagged.__table__)).from_select(
        ["tag_id", "account_id", "since_at"], everybody
    )
    many = _changed(session.execute(new.on_conflict_do_nothing(), execution_options=COUNTED))
    _note(session, "patrons.tagged", actor, tag, wanted, many)
    return many


def count_in(session: Session, tag: PatronTag | None, wanted: Filters) -> tuple[int, int]:
    """How many a view has, and how many of them bear the tag; None is one that nobody bears."""
    everybody = filters.ids(wanted).subquery()
    is_theirs = (Tagged.account_id == everybody.c.account_id) & (
        Tagged.tag_id == (tag.id if tag else None)
    )
    row = session.execute(
        select(func.count(), func.count(Tagged.account_id))
        .select_from(everybody)
        .outerjoin(Tagged, is_theirs)
    ).one()
    return row[0], row[1]


def remove_from_all(session: Session, actor: Account, tag: PatronTag, wanted: Filters) -> int:
    """Let nobody of a view bear it; how many did."""
    everybody = filters.ids(wanted)
    gone = delete(Tagged).where(Tagged.tag_id == tag.id, Tagged.account_id.in_(everybody))
    many = _changed(session.execute(gone, execution_options=UNSEEN))
    _note(session, "patrons.untagged", actor, tag, wanted, many)
    return many


def forget(session: Session, address: str) -> None:
    """Let the account of this address, which is being deleted, bear none: each says something."""
    mine = select(Account.id).where(Account.email == address)
    theirs = delete(Tagged).where(Tagged.account_id.in_(mine))
    session.execute(theirs, execution_options=UNSEEN)


def _clean(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST:
        raise TagNameError
    return name


def _stay(_session: Session, _old: str, _new: str) -> None:
    """Tags are the account's, whatever its address."""


def _note(
    session: Session, action: str, actor: Account, tag: PatronTag, wanted: Filters, many: int
) -> None:
    audit.record(
        session,
        action,
        f"patron_tag:{tag.id}",
        actor_id=actor.id,
        tag=tag.name,
        filters=wanted.nameless().as_json(),
        patrons=many,
    )


def _changed(result: Any) -> int:
    return int(result.rowcount)


belongings.register(belongings.Belonging(move=_stay, forget=forget))
