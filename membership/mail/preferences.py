"""What a reader wants to hear of, as the pages of preferences and of unsubscribing say it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import get_args

from sqlalchemy.orm import Session

from membership import clock
from membership.mail import kinds, refusals
from membership.mail.kinds import Group, Kind

# What a form sends, and how long no bulk mail goes; None: until the reader says otherwise.
PAUSES = {"30": timedelta(days=30), "90": timedelta(days=90), "always": None}


@dataclass(frozen=True)
class Choice:
    """A kind of mail that may be refused, and whether its reader wants it."""

    kind: Kind
    is_wanted: bool


def choices(session: Session, address: str) -> dict[Group, list[Choice]]:
    """What `address` may choose from, by heading; a heading with nothing under it is left out."""
    refused = refusals.refused(session, address)
    found: dict[Group, list[Choice]] = {group: [] for group in get_args(Group)}
    for kind in kinds.bulk_kinds():
        is_in = kind.opt_in is None or kind.opt_in.is_in(session, address)
        found[kind.group].append(Choice(kind, is_in and kind.name not in refused))
    return {group: under for group, under in found.items() if under}


def choose(
    session: Session, address: str, begun: Collection[str], ended: Collection[str], language: str
) -> None:
    """Send `address`, which is proven, the kinds in `begun` from now on, and none in `ended`.

    `language` is for a kind that comes only to who has asked for it.
    """
    for kind in kinds.bulk_kinds():
        if kind.name in ended:
            refusals.refuse(session, address, kind.name)
        elif kind.name in begun:
            refusals.accept(session, address, kind.name)
            if kind.opt_in and not kind.opt_in.is_in(session, address):
                kind.opt_in.join(session, address, language)


def pause(session: Session, address: str, length: str) -> None:
    """Send `address` no bulk mail for a `length`, one of PAUSES. Raises KeyError."""
    lasts = PAUSES[length]
    refusals.pause(session, address, None if lasts is None else clock.now() + lasts)
