"""[V4] [V8] Who was reminded had not voted yet: staff never see to whom these mails went."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.accounts.models import Account
from membership.mail.models import OutboxEmail
from membership.reports import timeline
from membership.reports.attention import attention
from membership.voting import paper, rounds, telling
from membership.voting.models import Round
from tests import factories
from tests.conftest import SignedIn

DAY = timedelta(days=1)
REMINDED = "reminded@example.org"


@pytest.fixture
def held(session: Session) -> Round:
    """One has voted before the last day, the other is reminded and votes then."""
    now = rounds.database_now(session)
    held = factories.round_(session, opens_at=now - 4 * DAY, closes_at=now + DAY / 2)
    choice = [paper.options(session, held.id)[0].id]
    rounds.cast(session, held.id, factories.patron(session).id, choice)
    late = factories.patron(session, email=REMINDED)
    rounds.advance_all()
    rounds.cast(session, held.id, late.id, choice)
    return held


def reminder(session: Session) -> OutboxEmail:
    return session.scalars(select(OutboxEmail).where(OutboxEmail.kind == telling.CLOSING)).one()


@pytest.mark.parametrize("is_over", [False, True])
def test_neither_the_list_of_mails_nor_a_readers_story_shows_a_reminder(
    session: Session, held: Round, signed_in: SignedIn, is_over: bool
) -> None:
    """After the end, too: the turnout roll says who voted, and this would add when."""
    if is_over:
        held.closes_at = rounds.database_now(session)
        session.flush()
        rounds.advance_all()
        session.refresh(held)
        assert held.state == "settled"
    assert reminder(session).recipient == REMINDED
    page = signed_in(session, factories.staff(session, "finance")).get("/staff/mail").text
    # The filter names what is listed at other times.
    listed = re.sub(r"<select.*?</select>", "", page, flags=re.DOTALL).lower()
    assert ("what a vote decided" in listed) is is_over
    assert "is about to end" not in page
    reader = session.scalars(select(Account).where(Account.email == REMINDED)).one()
    assert not any(
        "is about to end" in entry.title for entry in timeline.page(session, reader).entries
    )


@pytest.mark.parametrize("state", ["pending", "failed", "uncertain"])
def test_reminders_are_not_among_the_mails_that_need_somebody(
    session: Session, held: Round, state: str
) -> None:
    """[V4] Their number tells every role how many have not voted."""
    session.execute(update(OutboxEmail).values(state="sent"))
    before = attention(session)
    reminder(session).state = state
    session.flush()
    session.execute(update(OutboxEmail).values(next_attempt_at=clock.now() - DAY))
    after = attention(session)
    assert (after.late_mails, after.failed_mails) == (before.late_mails, before.failed_mails)
