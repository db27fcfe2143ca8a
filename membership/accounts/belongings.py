"""What features to the right keep under an account's address: it moves and goes with it."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Belonging:
    """`move` is given the old and the new address of an account, `forget` the one that goes."""

    move: Callable[[Session, str, str], None]
    forget: Callable[[Session, str], None]


_registered: list[Belonging] = []


def register(belonging: Belonging) -> None:
    """Have it moved and forgotten from now on; a feature does this when it is imported."""
    _registered.append(belonging)


def move(session: Session, old: str, new: str) -> None:
    """An account's address has changed, and the new one is proven."""
    for each in _registered:
        each.move(session, old, new)


def forget(session: Session, address: str) -> None:
    """An account is deleted, and its address with it."""
    for each in _registered:
        each.forget(session, address)
