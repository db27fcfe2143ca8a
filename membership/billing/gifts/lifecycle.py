"""What a gift is, by the facts about it, and until when it lasts. Pure rules.

ordered     not yet paid
ready       paid for, or granted from the pool; waits for its day
sent        its letter is written; whoever holds the link may take it
redeemed    taken by an account, once
taken_back  its money went back before anybody took it
"""

from calendar import monthrange
from datetime import datetime
from zoneinfo import ZoneInfo

MONTHS_OF_YEAR = 12


def state_of(*, is_paid: bool, is_taken_back: bool, is_sent: bool, is_redeemed: bool) -> str:
    """The state that these facts make.

    A gift that somebody took stays redeemed when its money goes back; it gives no standing then.
    """
    if is_redeemed:
        return "redeemed"
    if is_taken_back:
        return "taken_back"
    if not is_paid:
        return "ordered"
    return "sent" if is_sent else "ready"


def months_later(at: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The same day and hour in `zone` so many months later, or the last day of a shorter month."""
    here = at.astimezone(zone)
    years, month = divmod(here.month - 1 + months, MONTHS_OF_YEAR)
    year, month = here.year + years, month + 1
    day = min(here.day, monthrange(year, month)[1])
    return here.replace(year=year, month=month, day=day).astimezone(at.tzinfo)
