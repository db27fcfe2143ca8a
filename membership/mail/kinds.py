"""The kinds of mail. Each feature registers its own; each has a folder in templates/email/.

A transactional mail (a sign-in, a receipt) is always sent. A bulk mail can be refused: it carries
one-click unsubscribing and stands on the reader's page of preferences under its title.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy.orm import Session

# The headings of the page of preferences, in its order.
Group = Literal["votes", "letters", "support"]

# Turns what the outbox keeps, and the language, into what the templates see.
Complete = Callable[[dict[str, Any], str], dict[str, Any]]


class UnknownKindError(LookupError):
    """No feature registered this kind of mail."""


@dataclass(frozen=True)
class OptIn:
    """Of a bulk kind that comes to nobody who has not asked for it.

    `is_in` says whether an address has; `join` asks for it, for an address that is proven, in a
    language. Refusing ends it, as with any kind.
    """

    is_in: Callable[[Session, str], bool]
    join: Callable[[Session, str, str], None]


@dataclass(frozen=True)
class Kind:
    """`title` and `note` are lazy texts for the preferences; a kind with a title is bulk."""

    name: str
    title: Any = None
    note: Any = None
    complete: Complete = lambda context, _language: context
    opt_in: OptIn | None = None
    group: Group = "letters"

    @property
    def is_bulk(self) -> bool:
        return self.title is not None


_kinds: dict[str, Kind] = {}


def transactional(name: str, complete: Complete | None = None) -> str:
    """Register a kind that is always sent; gives back its name.

    `complete` adds what must not be kept in the outbox, such as the secret of a link.
    """
    return _register(Kind(name, complete=complete) if complete else Kind(name))


def bulk(
    name: str,
    title: Any,
    note: Any,
    complete: Complete | None = None,
    *,
    opt_in: OptIn | None = None,
    group: Group = "letters",
) -> str:
    """Register a kind that a reader may refuse; gives back its name.

    `title` names it and `note` says in a sentence when it comes (both from lazy_gettext).
    `complete` as for transactional(). With `opt_in` it comes to those alone who asked for it.
    `group` is the heading under which it stands there.
    """
    kind = Kind(name, title, note, opt_in=opt_in, group=group)
    return _register(replace(kind, complete=complete) if complete else kind)


def _register(kind: Kind) -> str:
    _kinds[kind.name] = kind
    return kind.name


def find(name: str) -> Kind:
    """Raises UnknownKindError."""
    if name not in _kinds:
        raise UnknownKindError(f"no kind of mail is called {name!r}")
    return _kinds[name]


def is_bulk(name: str) -> bool:
    """Whether a reader may refuse the kind called `name`; an unknown one is not bulk."""
    return name in _kinds and _kinds[name].is_bulk


def names() -> set[str]:
    return set(_kinds)


def bulk_kinds() -> list[Kind]:
    """What a reader may refuse, in the order of registration."""
    return [kind for kind in _kinds.values() if kind.is_bulk]
