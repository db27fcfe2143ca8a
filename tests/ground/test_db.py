"""What happens after a commit happens after the whole commit."""

import pytest
from sqlalchemy import Engine, func, select

from membership import db
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
