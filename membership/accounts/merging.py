"""Merging two accounts of one person: one is kept and has all that the other had.

The other's row stays and names nobody, so that what can never be changed may go on referring to
it: entries of the ledger and the audit log, and issued papers. Its address is free again. Whoever
reads those by account asks for accounts.with_merged(), or goes by way of the subscription.
"""

from collections.abc import Callable, Iterator

from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    UniqueConstraint,
    and_,
    delete,
    exists,
    func,
    or_,
    update,
)
from sqlalchemy.orm import Session, aliased

from membership import clock
from membership.accounts import accounts, audit, belongings, sign_in
from membership.accounts.address_changes import ABOUT_AN_ADDRESS, ACCOUNTS_MERGED
from membership.accounts.models import Account, AddressChange, SignInRequest
from membership.db import Base
from membership.mail import moving, outbox
from membership.mail.models import OutboxEmail

# Given the account to keep and the one to go: the name of what stands in the way, or None.
Obstacle = Callable[[Session, Account, Account], str | None]
# The database refuses to change their rows.
FROZEN = frozenset({"paper"})

_obstacles: list[Obstacle] = []


class CannotMergeError(RuntimeError):
    """`obstacle` names what stands in the way: "same", "leaving", "unproven", "staff", or what a
    feature says.

    Nothing was done.
    """

    def __init__(self, obstacle: str) -> None:
        super().__init__(f"these accounts cannot be merged: {obstacle}")
        self.obstacle = obstacle


def register(obstacle: Obstacle) -> None:
    """Have it asked before every merge; a feature does this when it is imported."""
    _obstacles.append(obstacle)


def obstacle(session: Session, kept: Account, gone: Account) -> str | None:
    """The first that stands in the way, as CannotMergeError names it."""
    if kept.id == gone.id:
        return "same"
    if kept.is_leaving or gone.is_leaving:
        return "leaving"
    if kept.verified_at is None:
        return "unproven"
    if kept.is_staff or gone.is_staff:
        return "staff"
    return next(filter(None, (each(session, kept, gone) for each in _obstacles)), None)


def merge(session: Session, kept_id: int, gone_id: int, *, actor_id: int, reason: str) -> None:
    """Let the account `kept_id` have all that `gone_id` has; both addresses are told.

    Whoever writes about either of them waits until this transaction ends. Raises CannotMergeError.
    """
    outbox.hold_addresses(session)
    kept, gone = _locked(session, kept_id, gone_id)
    if found := obstacle(session, kept, gone):
        raise CannotMergeError(found)
    old = gone.email
    sign_in.revoke_all(session, gone.id)
    for table in (SignInRequest, AddressChange):
        session.execute(delete(table).where(table.account_id == gone.id))
    moving.move(session, gone.id, old, kept.email, staying=ABOUT_AN_ADDRESS)
    _rename_subjects(session, gone.id, kept.id)
    for column in references():
        _move(session, column, gone.id, kept.id)
    kept.name = kept.name or gone.name
    gone.email, gone.name, gone.verified_at = accounts.nobody(gone.id), None, None
    gone.merged_into_id, gone.merged_at = kept.id, clock.now()
    gone.delete_after_at = gone.deleted_at = gone.merged_at
    session.flush()
    # What was read of any of them is another account's now.
    session.expire_all()
    belongings.move(session, old, kept.email)
    _tell(session, kept, old, gone)
    # By number alone: the audit log outlives the address.
    audit.record(
        session,
        "account.merged",
        f"account:{kept.id}",
        actor_id=actor_id,
        merged=gone.id,
        reason=reason,
    )


def references() -> Iterator[Column[int]]:
    """Every column that refers to an account and may be changed."""
    for _name, table in sorted(Base.metadata.tables.items()):
        if table.name not in FROZEN:
            for key in table.foreign_keys:
                if key.column is Account.__table__.c.id:
                    yield key.parent


def _locked(session: Session, kept_id: int, gone_id: int) -> tuple[Account, Account]:
    """Both rows, locked in one order, so that two who merge the same ones wait for one another."""
    for each in sorted({kept_id, gone_id}):
        session.get_one(Account, each, with_for_update=True, populate_existing=True)
    return session.get_one(Account, kept_id), session.get_one(Account, gone_id)


def _move(session: Session, column: Column[int], gone_id: int, kept_id: int) -> None:
    """Let the rows of one be the other's; what the other has already is not had twice."""
    table = column.table
    assert isinstance(table, Table)
    twin = table.alias()
    has_twin = [
        exists().where(
            twin.c[column.name] == kept_id,
            *(twin.c[name] == table.c[name] for name in names),
        )
        for names in _unique_with(column)
    ]
    if has_twin:
        session.execute(delete(table).where(column == gone_id, or_(*has_twin)))
    session.execute(update(table).where(column == gone_id).values({column.name: kept_id}))


def _unique_with(column: Column[int]) -> Iterator[list[str]]:
    """The other columns of each key that the column is in."""
    table = column.table
    assert isinstance(table, Table)
    keys = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    for key in (table.primary_key, *keys):
        if column.name in key.columns:
            yield [each.name for each in key.columns if each.name != column.name]


def _rename_subjects(session: Session, gone_id: int, kept_id: int) -> None:
    """What was told to one account once, such as a welcome, has been told to the other."""
    before, after = f"account:{gone_id}", f"account:{kept_id}"
    renamed = func.concat(after, func.substr(OutboxEmail.subject, len(before) + 1))
    told = aliased(OutboxEmail)
    is_told: ColumnElement[bool] = exists().where(
        told.kind == OutboxEmail.kind,
        told.recipient == OutboxEmail.recipient,
        told.subject == renamed,
    )
    is_about = or_(
        OutboxEmail.subject == before, OutboxEmail.subject.startswith(f"{before}:", autoescape=True)
    )
    session.execute(
        update(OutboxEmail)
        .where(and_(OutboxEmail.account_id == gone_id, is_about, ~is_told))
        .values(subject=renamed)
        .execution_options(synchronize_session=False)
    )


def _tell(session: Session, kept: Account, old: str, gone: Account) -> None:
    """Neither mail names the other address: it might be a stranger's after all (rule S10)."""
    for address, is_kept in ((kept.email, True), (old, False)):
        outbox.put(
            session,
            kind=ACCOUNTS_MERGED,
            recipient=address,
            subject=f"accounts_merged:{gone.id}",
            language=kept.language if is_kept else gone.language,
            context={"is_kept": is_kept},
            account_id=kept.id,
        )
