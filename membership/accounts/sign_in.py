"""Signing in by mail."""

from sqlalchemy.orm import Session

from membership.accounts.models import Account


def open_sign_in(session: Session, account: Account) -> str:
    raise NotImplementedError
