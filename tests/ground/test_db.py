"""What happens around a commit happens around the whole commit."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from membership import db
from membership.background import wake
from membership.billing.models import StripeEvent
from tests import factories


def seen_by_others() -> int:
    with db.transaction() as other:
        return other.scalar(select(func.count()).select_from(factories.Account)) or 0


def test_acts_wait_for_the_whole_transaction(committed: Engine) -> None:
    """A hint that overtakes its row finds nothing, and the row waits for the next minute."""
    seen: list[int] = []
    with db.transaction() as session:
        with session.begin_nested():
            factories.account(session)
            db.after_commit(session, lambda: seen.append(seen_by_others()))
        assert seen == []
    assert seen == [1]


def test_a_savepoint_rolled_back_loses_no_act(committed: Engine) -> None:
    seen: list[int] = []
    with db.transaction() as session:
        factories.account(session)
        db.after_commit(session, lambda: seen.append(seen_by_others()))
        with pytest.raises(ValueError, match="no"), session.begin_nested():
            raise ValueError("no")
    assert seen == [1]


def test_a_transaction_rolled_back_does_nothing(committed: Engine) -> None:
    seen: list[int] = []

    def fail() -> None:
        with db.transaction() as session:
            db.after_commit(session, lambda: seen.append(1))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert seen == []


def test_what_comes_last_comes_just_before_the_commit(committed: Engine) -> None:
    """Whatever is done after it was put down, and not at a savepoint's end; others see it all."""
    done: list[str] = []

    def add(email: str) -> None:
        factories.account(session, email=email)
        done.append(email)

    with db.transaction() as session:
        with session.begin_nested():
            db.before_commit(session, lambda: add("first@example.org"))
        db.before_commit(session, lambda: add("second@example.org"))
        assert done == []
    assert done == ["first@example.org", "second@example.org"]
    assert seen_by_others() == 2


def test_what_comes_last_goes_with_its_savepoint(committed: Engine) -> None:
    """What it would tell of has not happened; what was put down before and after has."""
    done: list[str] = []

    def fail_deep_within(session: Session) -> None:
        db.before_commit(session, lambda: done.append("within"))
        with session.begin_nested():
            db.before_commit(session, lambda: done.append("deeper"))
        session.add(StripeEvent(id="evt_1"))
        session.flush()

    with db.transaction() as session:
        db.before_commit(session, lambda: done.append("before"))
        with pytest.raises(IntegrityError), session.begin_nested():
            fail_deep_within(session)
        db.before_commit(session, lambda: done.append("after"))
        with session.begin_nested():
            pass
    assert done == ["before", "after"]


def test_what_comes_last_and_fails_takes_all_back(committed: Engine) -> None:
    def refuse() -> None:
        raise ValueError("no")

    def fail() -> None:
        with db.transaction() as session:
            factories.account(session)
            db.before_commit(session, refuse)

    with pytest.raises(ValueError, match="no"):
        fail()
    assert seen_by_others() == 0


def test_nothing_comes_last_in_what_is_rolled_back(committed: Engine) -> None:
    """Nor in the session's next transaction."""
    done: list[str] = []
    with db.transaction() as session:
        db.before_commit(session, lambda: done.append("never"))
        session.rollback()
    assert done == []


@pytest.mark.parametrize(
    "act",
    [
        lambda session: db.after_commit(session, print),
        lambda session: db.before_commit(session, print),
        lambda session: db.lock(session, "topic:1"),
        lambda session: wake(session, "mail.deliver"),
    ],
)
def test_a_lone_statement_promises_nothing_for_its_commit(
    engine: Engine, act: Callable[[Session], None]
) -> None:
    """It would be forgotten, and a lock given up at once, without a word."""
    db.use(engine)
    with pytest.raises(RuntimeError, match="use transaction"), db.statements() as session:
        act(session)


PID = text("SELECT pg_backend_pid()")


def test_a_connection_that_the_server_ended_is_not_used(committed: Engine) -> None:
    """Nobody is shown an error because the database was started anew a while ago."""
    with db.transaction() as session:
        gone = session.scalar(PID)
    with committed.connect() as first, committed.connect() as other:
        mine = first if first.scalar(PID) != gone else other
        mine.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": gone})
    for begin in (db.transaction, db.statements):
        with begin() as session:
            assert session.scalar(PID) != gone


def test_a_lone_statement_is_a_transaction_of_its_own(engine: Engine) -> None:
    """It is kept whatever happens afterwards, and the connection is an ordinary one again."""
    number = text("SELECT pg_current_xact_id()::text")
    db.use(engine)
    with db.statements() as session:
        assert session.scalar(number) != session.scalar(number)
    with db.transaction() as session:
        assert session.scalar(number) == session.scalar(number)
