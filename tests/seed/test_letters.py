"""The demo's readers of the weekly letter."""

from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from membership import clock
from membership.mail.models import OutboxEmail
from membership.newsletter import readers
from membership.newsletter.models import Issue
from membership.seed import letters, newsroom
from membership.seed.calendar import Span
from tasks import newsletter as tasks
from tests import factories
from tests.newsletter.steps import KYIV


@pytest.mark.parametrize("day", [datetime(2026, 11, day, 9, tzinfo=KYIV) for day in range(1, 31)])
def test_a_demo_that_begins_writes_to_nobody(
    session: Session, settings: Settings, day: datetime
) -> None:
    """On whatever day, also when a letter is due: its issue counts as sent."""
    factories.patron(session)
    factories.article(session, published_at=day - timedelta(days=5))
    factories.article(session, published_at=day)
    span = Span(day - timedelta(days=400), day)
    with clock.fixed(day):
        letters.weekly_letter(session, settings, Random(7), span)
        tasks.issue()
        tasks.write_digest()
    assert readers.is_subscribed(session, newsroom.PATRON.email)
    assert len(session.execute(readers.wanted()).all()) == letters.READERS + 1
    assert session.scalars(select(OutboxEmail)).all() == []
    issues = session.scalars(select(Issue)).all()
    assert {issue.kind for issue in issues} == {"newsletter", "digest"}
    assert all(issue.written_at <= day for issue in issues)
