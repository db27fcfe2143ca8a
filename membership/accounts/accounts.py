"""Finding and creating accounts, and making one staff."""

from sqlalchemy import select
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
