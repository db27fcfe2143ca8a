"""How often stories are read and asks are seen, without anything that tells readers apart.

A page that is shown tells us by itself (js/ask.js, js/came.js), in a request without cookie or
answer. Kept is one number a day, story, wording and step; of the reader, nothing. So that nobody
makes up readers by the thousand, one network may add only so many a minute; it is remembered for
that minute, in this process' memory, as a number that leads nowhere else (rule S10).
"""

import random
import threading
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from membership import clock
from membership.db import LARGEST_ID
from membership.web import networks

STEPS = ("read", "ask_seen", "support_page")
# Of these, an unknown story is nonsense; the support page is also reached by itself.
OF_STORIES = ("read", "ask_seen")
# Into how many rows one number is spread.
SLOTS = 8
# A mobile carrier or an office is one network with many readers.
MOST_A_MINUTE = 600
MOST_NETWORKS = 20_000

_ADD = text(
    """
    INSERT INTO reading_count (day, article_id, variant_id, step, slot, number)
    SELECT :day, coalesce(story.id, 0), coalesce(variant.id, 0), :step, :slot, 1
    FROM (SELECT) AS one
    LEFT JOIN article AS story ON story.slug = :slug
    LEFT JOIN ask_variant AS variant ON variant.id = :variant
    WHERE story.id IS NOT NULL OR NOT CAST(:needs_story AS boolean)
    ON CONFLICT (day, article_id, variant_id, step, slot)
        DO UPDATE SET number = reading_count.number + 1
    """
)


@dataclass(frozen=True)
class Seen:
    """One step that some reader took. `slug` is "" and `variant_id` 0 where there is none."""

    step: str
    slug: str
    variant_id: int


def told(step: str, slug: str, variant: str) -> Seen | None:
    """What a page says was seen; None when it makes no sense."""
    if step not in STEPS:
        return None
    return Seen(step, slug.replace("\0", "")[:300], number(variant))


def number(typed: str) -> int:
    """An id as a form carries it; 0 for anything else."""
    is_id = typed.isascii() and typed.isdigit() and len(typed) <= len(str(LARGEST_ID))
    return int(typed) if is_id and int(typed) <= LARGEST_ID else 0


def add(session: Session, seen: Seen) -> None:
    """Count it, in one statement; a story that we do not have counts nothing."""
    session.execute(
        _ADD,
        {
            "day": clock.now().date(),
            "slug": seen.slug,
            "variant": seen.variant_id,
            "step": seen.step,
            "slot": random.randrange(SLOTS),
            "needs_story": seen.step in OF_STORIES,
        },
    )


@dataclass
class Bound:
    """How much each network has added in the minute that runs, here in this process."""

    most: int = MOST_A_MINUTE
    most_networks: int = MOST_NETWORKS
    _minute: int = -1
    _added: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self, address: str, at: datetime) -> bool:
        """Whether a network may add one more now; `address` is the reader's, and is not kept."""
        minute = int(at.timestamp()) // 60
        # Python's own hash of a text has another secret in every process.
        network = hash((minute, networks.prefix(address)))
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._added.clear()
            added = self._added.get(network, 0)
            if added >= self.most or (not added and len(self._added) >= self.most_networks):
                return False
            self._added[network] = added + 1
            return True
