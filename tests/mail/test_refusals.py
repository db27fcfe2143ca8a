"""Why a mail must not go: suppression, a refused kind, a pause. One expression says it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from membership import clock
from membership.mail import refusals
from membership.mail.models import MailRefusal, OutboxEmail, Suppression
from tests.factories import add
from tests.mail import mails

ADDRESS = "reader1@example.org"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
# Built once, as in a statement that is kept.
OBSTACLE = refusals.obstacle()


def obstacle(session: Session, kind: str) -> str | None:
    return session.scalar(
        select(OBSTACLE).where(OutboxEmail.kind == kind, OutboxEmail.recipient == ADDRESS)
    )


@pytest.fixture
def waiting(session: Session) -> Session:
    """One mail that may be refused and one that may not, to ADDRESS."""
    mails.put(1, "news")
    mails.put(1, "letter")
    return session


def test_nothing_stands_in_the_way_of_who_said_nothing(waiting: Session) -> None:
    """[M4] Words of others do not count."""
    refusals.refuse(waiting, "somebody@example.org", "news")
    refusals.pause(waiting, "somebody@example.org", None)
    add(waiting, Suppression(address="somebody@example.org", reason="complaint"))
    assert obstacle(waiting, "news") is None
    assert obstacle(waiting, "letter") is None


def test_a_refused_kind_does_not_go(waiting: Session) -> None:
    """[M4] However its letters are cased; another kind still does, and it can be taken back."""
    refusals.refuse(waiting, ADDRESS.upper(), "news")
    assert obstacle(waiting, "news") == "refused by the reader"
    assert obstacle(waiting, "letter") is None
    refusals.accept(waiting, ADDRESS, "news")
    assert obstacle(waiting, "news") is None


def test_neither_refusal_nor_pause_stops_a_mail_that_is_always_sent(waiting: Session) -> None:
    """[M4] Not even a refusal of that very kind."""
    add(waiting, MailRefusal(address=ADDRESS, kind="letter"))
    refusals.pause(waiting, ADDRESS, None)
    assert obstacle(waiting, "letter") is None
    assert obstacle(waiting, "news") == "paused by the reader"


def test_suppression_stops_everything(waiting: Session) -> None:
    """[M4] And is named before what the reader said."""
    refusals.refuse(waiting, ADDRESS, "news")
    add(waiting, Suppression(address=ADDRESS, reason="hard_bounce"))
    assert obstacle(waiting, "news") == "suppressed: hard_bounce"
    assert obstacle(waiting, "letter") == "suppressed: hard_bounce"


def test_a_pause_ends_by_itself(waiting: Session) -> None:
    """[M8] At its moment, in a statement that was built long before."""
    with clock.fixed(NOW):
        refusals.pause(waiting, ADDRESS, NOW + timedelta(days=90))
        assert obstacle(waiting, "news") == "paused by the reader"
    with clock.fixed(NOW + timedelta(days=90, seconds=-1)):
        assert obstacle(waiting, "news") == "paused by the reader"
        assert refusals.find_pause(waiting, ADDRESS) is not None
    with clock.fixed(NOW + timedelta(days=90)):
        assert obstacle(waiting, "news") is None
        assert refusals.find_pause(waiting, ADDRESS) is None


def test_a_pause_without_an_end_lasts_until_it_is_ended(waiting: Session) -> None:
    """[M8] A new pause takes the place of the old one."""
    refusals.pause(waiting, ADDRESS, NOW)
    refusals.pause(waiting, ADDRESS, None)
    with clock.fixed(NOW + timedelta(days=3650)):
        assert obstacle(waiting, "news") == "paused by the reader"
    refusals.unpause(waiting, ADDRESS)
    assert obstacle(waiting, "news") is None


def test_what_the_reader_wants_is_looked_at_when_the_statement_runs(
    waiting: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[M4] A kind that is registered after the statement was built may be refused, too."""
    from membership.mail import kinds

    monkeypatch.setitem(kinds._kinds, "letter", kinds.Kind("letter", "Letters", "Sometimes."))
    refusals.refuse(waiting, ADDRESS, "letter")
    assert obstacle(waiting, "letter") == "refused by the reader"


def test_it_holds_within_the_statement_that_marks_a_mail(waiting: Session) -> None:
    """[M4] As a value, as a condition, and in what an UPDATE gives back."""
    refusals.refuse(waiting, ADDRESS, "news")
    marked = waiting.execute(
        update(OutboxEmail)
        .where(OutboxEmail.recipient == ADDRESS)
        .values(last_error=OBSTACLE)
        .returning(OutboxEmail.kind, OutboxEmail.last_error, OBSTACLE)
        .execution_options(synchronize_session=False)
    ).all()
    assert set(map(tuple, marked)) == {
        ("news", "refused by the reader", "refused by the reader"),
        ("letter", None, None),
    }
