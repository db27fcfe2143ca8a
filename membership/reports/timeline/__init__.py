"""One patron's story with us, newest first: what they gave, took part in, and were told.

The ballots are not in it. A round stands here only once it is settled, at its settling, and only by
its turnout roll, which knows neither choices nor times (rules V4, V8).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from membership.accounts.models import Account
from membership.reports.timeline import giving, taking_part
from membership.reports.timeline.entry import Entry, Place, Source, place_in

PAGE = 50
# What the story can be filtered by.
KINDS: Mapping[str, Any] = MappingProxyType(
    {
        "giving": _("Giving"),
        "support": _("Changes of support"),
        "mail": _("Mails"),
        "votes": _("Votes and topics"),
        "notes": _("Notes and calls"),
        "papers": _("Receipts and statements"),
        "account": _("Account and what we did"),
    }
)
SOURCES: Mapping[str, Source] = MappingProxyType(
    {source.name: source for source in (*giving.SOURCES, *taking_part.SOURCES)}
)


@dataclass(frozen=True)
class Page:
    """Entries, newest first; `older` is where the next page begins, None on the last."""

    entries: tuple[Entry, ...]
    older: Place | None


def page(session: Session, account: Account, kind: str = "", before: str = "") -> Page:
    """The newest PAGE entries (of a kind, one of KINDS), or those after the place `before`.

    One query a source, however long the story is. What names no place begins at the newest.
    """
    place = place_in(before, dict(SOURCES))
    found = [
        entry
        for source in SOURCES.values()
        if kind in {"", source.kind}
        for entry in _entries(session, source, account, place)
    ]
    found.sort(key=lambda entry: entry.place.source)
    found.sort(key=lambda entry: entry.at, reverse=True)
    shown = tuple(found[:PAGE])
    return Page(shown, shown[-1].place if len(found) > PAGE else None)


def _entries(
    session: Session, source: Source, account: Account, before: Place | None
) -> list[Entry]:
    """In their order, which the sorting above keeps: it is stable."""
    entries = []
    for row in session.execute(source.newest(account, before, PAGE + 1)):
        told = source.told(row)
        place = Place(row.at, source.name, str(row.of))
        entries.append(Entry(place, told.title, told.text, told.tone))
    return entries
