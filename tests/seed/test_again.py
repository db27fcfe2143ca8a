"""Planting once more: the same again, or refused; and newsrooms of few."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from config.settings import Settings
from membership import clock, db
from membership.seed import plant
from membership.seed.copying import checked_at_last, indexed_at_last

NOW = datetime.now(UTC).replace(microsecond=0)
# The hashes of the audit log and what the database's clock has written.
UNLIKE = {"rebuilt_at", "created_at", "updated_at", "next_attempt_at"}


def _content(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for table in db.Base.metadata.sorted_tables:
        if table.name == "audit_entry":
            continue
        columns = [column for column in table.columns if column.name not in UNLIKE]
        found[table.name] = sorted(map(repr, session.execute(select(*columns)).all()))
    return found


def test_the_same_seed_gives_the_same_newsroom(committed: Engine, settings: Settings) -> None:
    seen = []
    tables = ", ".join(table.name for table in db.Base.metadata.sorted_tables)
    for _ in range(2):
        with db.transaction() as session, clock.fixed(NOW):
            session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
            plant.plant(session, settings, patrons=25, months=6)
            seen.append(_content(session))
    assert seen[0] == seen[1]


def test_the_command_says_what_it_did_and_refuses_a_second_time(
    app: Flask, committed: Engine
) -> None:
    runner = app.test_cli_runner()
    first = runner.invoke(args=["seed", "--patrons", "5", "--months", "2"])
    assert first.exit_code == 0, first.output
    assert "patrons" in first.output
    again = runner.invoke(args=["seed"])
    assert again.exit_code == 2
    assert "data already" in again.output.strip().splitlines()[-1]


@pytest.mark.parametrize(("patrons", "months"), [(1, 1), (2, 1), (30, 2)])
def test_small_newsrooms_stand_too(
    session: Session, settings: Settings, patrons: int, months: int
) -> None:
    summary = plant.plant(session, settings, patrons=patrons, months=months)
    assert 1 <= summary.patrons <= patrons
    assert summary.rounds == 4


def _catalogue(session: Session) -> list[Any]:
    """Keys, references and indexes of all tables."""
    return [
        session.scalars(text(query)).all()
        for query in (
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            "SELECT concat(conrelid::regclass, ' ', conname, ' ', pg_get_constraintdef(oid)) "
            "FROM pg_constraint WHERE conrelid > 0 ORDER BY 1",
        )
    ]


def test_keys_and_indexes_are_there_again_when_all_rows_are(session: Session) -> None:
    before = _catalogue(session)
    with checked_at_last(session, plant.EMPTY):
        there = inspect(session.connection())
        for table in plant.EMPTY:
            assert not there.get_indexes(table)
            assert not there.get_foreign_keys(table)
    assert _catalogue(session) == before


def test_keys_stay_where_only_indexes_go(session: Session) -> None:
    before = _catalogue(session)
    with indexed_at_last(session, ["patron"]):
        there = inspect(session.connection())
        assert not there.get_indexes("patron")
        assert there.get_pk_constraint("patron")["constrained_columns"] == ["account_id"]
    assert _catalogue(session) == before


def test_a_row_that_refers_to_nothing_is_found_at_last(session: Session) -> None:
    with pytest.raises(IntegrityError), checked_at_last(session, ["leaving"]):
        session.execute(text("INSERT INTO leaving (subscription_id, reason) VALUES (1, 'cost')"))
