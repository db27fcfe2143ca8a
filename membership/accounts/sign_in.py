"""Signed-in browsers: opened by a mailed link or code, ended by time or by hand (rule S4)."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account, SignIn

LASTS = timedelta(days=90)
IDLE = timedelta(days=30)
# seen_at is a matter of days; writing it on every page would be a write per page.
SEEN_EVERY = timedelta(hours=1)
# Asked for every page that looks who reads it: built once, and columns alone.
_SIGNED_IN = (
    select(Account.id, Account.email, Account.name, Account.role, Account.language, SignIn.seen_at)
    .join(SignIn, SignIn.account_id == Account.id)
    .where(
        SignIn.token_hash == bindparam("token_hash"),
        SignIn.revoked_at.is_(None),
        SignIn.expires_at > bindparam("now"),
        SignIn.seen_at > bindparam("idle_since"),
    )
)


def open_sign_in(session: Session, account: Account) -> str:
    """Sign one browser in; returns the token that it keeps, of which only a hash is stored."""
    token = secrets.token_urlsafe(32)
    now = clock.now()
    session.add(
        SignIn(
            token_hash=hashed(token),
            account_id=account.id,
            created_at=now,
            seen_at=now,
            expires_at=now + LASTS,
        )
    )
    return token


def find_account(session: Session, token: str) -> Row[*tuple[Any, ...]] | None:
    """Who is signed in with `token` (id, email, name, role, language); None when that has ended.

    Notes, hourly, that it is used.
    """
    now = clock.now()
    asked = {"token_hash": hashed(token), "now": now, "idle_since": now - IDLE}
    found = session.connection().execute(_SIGNED_IN, asked).one_or_none()
    if found is not None and found.seen_at < now - SEEN_EVERY:
        session.execute(
            update(SignIn).where(SignIn.token_hash == asked["token_hash"]).values(seen_at=now)
        )
    return found


def is_fresh(session: Session, token: str, within: timedelta) -> bool:
    """Whether the sign-in of `token` was opened within that time: proof, not habit (rule S5)."""
    opened_at = session.scalar(select(SignIn.created_at).where(SignIn.token_hash == hashed(token)))
    return opened_at is not None and opened_at > clock.now() - within


def revoke(session: Session, token: str) -> None:
    """End one sign-in."""
    _revoke(session, SignIn.token_hash == hashed(token))


def revoke_all(session: Session, account_id: int) -> None:
    """End every sign-in of an account ("sign out everywhere")."""
    _revoke(session, SignIn.account_id == account_id)


def revoke_others(session: Session, account_id: int, token: str) -> None:
    """End every sign-in of an account but that of `token`."""
    _revoke(session, and_(SignIn.account_id == account_id, SignIn.token_hash != hashed(token)))


def _revoke(session: Session, which: ColumnElement[bool]) -> None:
    session.execute(
        update(SignIn).where(which, SignIn.revoked_at.is_(None)).values(revoked_at=clock.now())
    )


def hashed(token: str) -> bytes:
    """What is stored of a random token; 32 random bytes need neither salt nor key."""
    return hashlib.sha256(token.encode()).digest()
