"""Readers of the weekly letter who are no patrons, and the letters that have left already."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from config.settings import Settings
from membership.newsletter import readers
from membership.newsletter.models import Issue
from membership.newsletter.periods import FROM_HOUR, month_due, week_due
from membership.newsletter.readers import DIGEST, NEWSLETTER
from membership.seed import newsroom
from membership.seed.calendar import Span
from membership.seed.people import person

READERS = 40
# Far from the patrons' numbers, so that no two have one address.
FIRST_NUMBER = 2_000_001
LONGEST_WAIT = 31

Due = TypeVar("Due")


def weekly_letter(session: Session, settings: Settings, rng: Random, span: Span) -> None:
    """Some readers, the demo's patron among them.

    The newest issues count as sent: a demo that begins on a Saturday, or on the first of a month,
    writes to nobody.
    """
    languages = {newsroom.PATRON.email: newsroom.PATRON.language}
    for number in range(FIRST_NUMBER, FIRST_NUMBER + READERS):
        reader = person(rng, number, ukrainian=rng.random() < 0.6)
        languages[reader.email] = reader.language
    readers.confirm_all(session, languages)
    now = span.now.astimezone(ZoneInfo(settings.time_zone))
    week, week_at = _last(now, week_due)
    month, month_at = _last(now, month_due)
    session.add(Issue(kind=NEWSLETTER, period=week, written_at=week_at))
    session.add(Issue(kind=DIGEST, period=month.name, written_at=month_at))
    session.flush()


def _last(now: datetime, due: Callable[[datetime], Due | None]) -> tuple[Due, datetime]:
    """What was due last, and when: now, or on a morning before."""
    morning = now.replace(hour=FROM_HOUR, minute=0, second=0, microsecond=0)
    moments = (now, *(morning - timedelta(days=days) for days in range(1, LONGEST_WAIT)))
    return next((found, at) for at in moments if (found := due(at)) is not None)
