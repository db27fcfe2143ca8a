"""The back office, one file a room; importing them registers their pages."""

from membership.staff.figures import (
    acquisition,
    overview,
    participation,
    rates,
    recovery,
    retention,
)
from membership.staff.mail import campaign_steps, campaigns, mail, my_mail, suppressions, wording
from membership.staff.money import differences, disputes, events, manual, pool, refunds
from membership.staff.people import (
    arrivals,
    exports,
    giving,
    mails_again,
    merging,
    papers,
    patron,
    patron_views,
    patrons,
    pauses,
)
from membership.staff.room import blueprint
from membership.staff.site import asks, transparency, ways
from membership.staff.topics import board, round_drafts, rounds, series, topic, topics

__all__ = [
    "acquisition",
    "arrivals",
    "asks",
    "blueprint",
    "board",
    "campaign_steps",
    "campaigns",
    "differences",
    "disputes",
    "events",
    "exports",
    "giving",
    "mail",
    "mails_again",
    "manual",
    "merging",
    "my_mail",
    "overview",
    "papers",
    "participation",
    "patron",
    "patron_views",
    "patrons",
    "pauses",
    "pool",
    "rates",
    "recovery",
    "refunds",
    "retention",
    "round_drafts",
    "rounds",
    "series",
    "suppressions",
    "topic",
    "topics",
    "transparency",
    "ways",
    "wording",
]
