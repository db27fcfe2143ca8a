"""The audit log cannot be changed, and shows it when it was."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from membership.accounts import audit
from membership.accounts.models import AuditEntry
from membership.db import transaction


def write_three(session: Session) -> None:
    audit.record(session, "role_given", "account:1", role="editor")
    audit.record(session, "opened", "round:2", actor_id=1, options=[3, 4], note="Щотижня")
    audit.record(session, "closed", "round:2", actor_id=1)
    session.commit()


def test_what_was_written_is_whole(session: Session) -> None:
    """[S9] The chain begins with zeros and each entry carries the hash of the one before."""
    assert audit.verify(session) == audit.Verified(0, audit.BEGINNING)
    write_three(session)
    entries = session.query(AuditEntry).order_by(AuditEntry.id).all()
    session.expire_all()  # as it comes back from the database
    assert audit.verify(session) == audit.Verified(3, entries[-1].hash)
    assert [entry.previous_hash for entry in entries] == [
        audit.BEGINNING,
        entries[0].hash,
        entries[1].hash,
    ]


@pytest.mark.parametrize(
    "change", ["UPDATE audit_entry SET actor_id = 2", "DELETE FROM audit_entry"]
)
def test_the_database_refuses_to_change_an_entry(session: Session, change: str) -> None:
    """[S9] Append-only is the database's word, not ours."""
    write_three(session)
    with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
        session.execute(text(change))
    assert audit.verify(session).entries == 3


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE audit_entry SET actor_id = 2 WHERE id = :second", "changed after"),
        ("UPDATE audit_entry SET subject = 'round:9' WHERE id = :second", "changed after"),
        ("UPDATE audit_entry SET action = 'closed' WHERE id = :second", "changed after"),
        ("UPDATE audit_entry SET detail = '{}' WHERE id = :second", "changed after"),
        (
            "UPDATE audit_entry SET created_at = created_at + interval '1 microsecond' "
            "WHERE id = :second",
            "changed after",
        ),
        ("UPDATE audit_entry SET hash = previous_hash WHERE id = :second", "changed after"),
        ("DELETE FROM audit_entry WHERE id = :second", "does not follow"),
        ("DELETE FROM audit_entry WHERE id < :second", "does not follow"),
        ("UPDATE audit_entry SET id = id + 10 WHERE id = :second", "does not follow"),
    ],
)
def test_tampering_is_found(session: Session, tampering: str, found: str) -> None:
    """[S9] Whoever gets around the database's refusal breaks the chain."""
    write_three(session)
    second = session.query(AuditEntry.id).order_by(AuditEntry.id).all()[1].id
    session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER append_only"))
    session.execute(text(tampering), {"second": second})
    session.expire_all()
    with pytest.raises(audit.BrokenChainError, match=found):
        audit.verify(session)


def test_entries_written_at_once_stand_in_one_chain(app: Flask, committed: Engine) -> None:
    """[S9] One lock orders them; no two follow the same entry."""

    def write(number: int) -> None:
        with app.app_context(), transaction() as session:
            audit.record(session, "tried", f"account:{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))
    with transaction() as session:
        assert audit.verify(session).entries == 24


def test_nobody_waits_for_an_unfinished_transaction(committed: Engine) -> None:
    """[S9] The lock is taken when all else is written: who holds it waits for nobody."""
    with transaction() as slow:
        audit.record(slow, "first", "account:1")
        with transaction() as other:
            other.execute(text("SET LOCAL lock_timeout = '1s'"))
            audit.record(other, "second", "account:2")
        audit.record(slow, "third", "account:1")
    with transaction() as session:
        entries = session.query(AuditEntry).order_by(AuditEntry.id)
        assert [entry.action for entry in entries] == ["second", "first", "third"]
        assert audit.verify(session).entries == 3


def test_an_entry_goes_with_its_savepoint(committed: Engine) -> None:
    """[S9] What was taken back leaves no entry and no gap in the chain."""

    def fail(session: Session) -> None:
        audit.record(session, "taken back", "account:1")
        raise ValueError("no")

    with transaction() as session:
        audit.record(session, "before", "account:1")
        with pytest.raises(ValueError, match="no"), session.begin_nested():
            fail(session)
        with session.begin_nested():
            audit.record(session, "within", "account:1")
        audit.record(session, "after", "account:1")
    with transaction() as session:
        entries = session.query(AuditEntry).order_by(AuditEntry.id)
        assert [entry.action for entry in entries] == ["before", "within", "after"]
        assert audit.verify(session).entries == 3


def test_an_entry_keeps_what_was_said_at_the_time(committed: Engine) -> None:
    """[S9] Whatever the caller does with its values afterwards."""
    fields = ["title"]
    with transaction() as session:
        audit.record(session, "edited", "topic:1", fields=fields)
        fields.append("why")
    with transaction() as session:
        assert session.query(AuditEntry).one().detail == {"fields": ["title"]}


@pytest.mark.parametrize("detail", [1.5, [float("nan")], {"deep": 0.1}])
def test_floats_are_refused(session: Session, detail: object) -> None:
    with pytest.raises(ValueError, match="no floats"):
        audit.record(session, "tried", "account:1", detail=detail)


def test_what_is_no_json_is_refused(session: Session) -> None:
    with pytest.raises(TypeError):
        audit.record(session, "tried", "account:1", day=date(2026, 3, 2))


def test_the_command_says_whole_or_not(app: Flask, session: Session) -> None:
    write_three(session)
    command = app.test_cli_runner()
    said = command.invoke(args=["audit", "verify"])
    assert said.exit_code == 0
    assert said.output.startswith("Entries: 3, none changed.")
    session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER append_only"))
    session.execute(text("UPDATE audit_entry SET actor_id = 7"))
    said = command.invoke(args=["audit", "verify"])
    assert said.exit_code == 1
    assert "was changed after it was written" in said.output
