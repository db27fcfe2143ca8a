"""The back office, one file a room; importing them registers their pages."""

from membership.staff import (
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
    rounds,
    topics,
    ways,
)
from membership.staff.room import blueprint

__all__ = [
    "blueprint",
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
    "rounds",
    "topics",
    "ways",
]
