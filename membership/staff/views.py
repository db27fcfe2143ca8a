"""The back office, one file a room; importing them registers their pages."""

from membership.staff import (
    board,
    differences,
    disputes,
    events,
    giving,
    mail,
    manual,
    overview,
    papers,
    patrons,
    pool,
    round_drafts,
    rounds,
    series,
    topic,
    topics,
    ways,
)
from membership.staff.room import blueprint

__all__ = [
    "blueprint",
    "board",
    "differences",
    "disputes",
    "events",
    "giving",
    "mail",
    "manual",
    "overview",
    "papers",
    "patrons",
    "pool",
    "round_drafts",
    "rounds",
    "series",
    "topic",
    "topics",
    "ways",
]
