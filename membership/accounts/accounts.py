"""Finding and creating accounts, and making one staff."""

from sqlalchemy import Select, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.accounts.models import ROLES, Account
from membership.mail import addresses


class UnknownRoleError(ValueError):
    """There is no such role."""


def find(session: Session, email: str) -> Account | None:
    """The account of an address, however its letters are cased."""
    return session.scalar(select(Account).where(Account.email == email))


def kept(session: Session, account_id: int) -> Account | None:
    """The account that an id stands for now: of two that were merged, the one that was kept."""
    found = session.get(Account, account_id)
    while found is not None and found.merged_into_id is not None:
        found = session.get_one(Account, found.merged_into_id)
    return found


def with_merged(account_id: int) -> Select[int]:
    """SQL: the account's id and those of all that were merged into it."""
    return select(Account.id).where(
        or_(Account.id == account_id, Account.merged_into_id == account_id)
    )


def nobody(account_id: int) -> str:
    """What stands in place of an address: unlike any other, and not to be written to (RFC 2606)."""
    return f"deleted-{account_id}@deleted.invalid"


def ensure(session: Session, email: str, language: str, name: str | None = None) -> Account:
    """The account of an address, created unverified when there is none.

    An account that exists keeps its language and name: who typed the address proves nothing.
    """
    created: Account | None = session.scalar(
        insert(Account)
        .values(email=email, language=language, name=name)
        .on_conflict_do_nothing(index_elements=["email"])
        .returning(Account)
    )
    if created is not None:
        return created
    return session.scalars(select(Account).where(Account.email == email)).one()


def make_staff(session: Session, email: str, role: str, language: str) -> tuple[Account, bool]:
    """Give the account of `email` a staff `role`; says whether that changed anything.

    Raises UnknownRoleError and addresses.InvalidAddressError.
    """
    if role not in ROLES:
        raise UnknownRoleError(f"There is no role {role!r}: choose {', '.join(ROLES)}.")
    account = ensure(session, addresses.clean(email), language)
    session.refresh(account, with_for_update=True)
    before = account.role
    if before == role:
        return account, False
    account.role = role
    audit.record(session, "role_given", f"account:{account.id}", role=role, before=before)
    return account, True
