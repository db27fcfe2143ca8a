"""Whether a process may have visitors, by the migration that the database has."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from membership.web import health


@pytest.mark.parametrize(
    ("revision", "is_ready"), [("0001", False), ("0004", False), ("9999", True), (None, False)]
)
def test_a_newer_migration_does_not_take_the_old_release_away(
    session: Session, revision: str | None, is_ready: bool
) -> None:
    """While a release is replaced, the database is ahead of whoever still answers."""
    assert health.is_migrated(session)
    session.execute(text("DELETE FROM alembic_version"))
    if revision:
        session.execute(text("INSERT INTO alembic_version VALUES (:own)"), {"own": revision})
    assert health.is_migrated(session) is is_ready
