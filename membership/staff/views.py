"""The back office, one file a room; importing them registers their pages."""

from membership.staff import events, mail, overview, papers, patrons, rounds, topics
from membership.staff.room import blueprint

__all__ = ["blueprint", "events", "mail", "overview", "papers", "patrons", "rounds", "topics"]
