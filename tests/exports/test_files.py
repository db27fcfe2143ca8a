"""Files of everything: a ZIP and a SQLite file that hold the same, and can be read."""

import csv
import io
import json
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from membership.exports import everything, everything_csv, everything_sqlite, tables
from membership.exports.zipping import Zip
from tests import factories

SAID = '=SUM(A1) "Оля"\n'


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everything_csv, "BATCH", 2)
    monkeypatch.setattr(everything_sqlite, "BATCH", 2)


@pytest.mark.usefixtures("small")
def test_both_hold_every_row_once(session: Session, tmp_path: Path) -> None:
    made = [factories.patron(session, name=SAID).id for _ in range(5)]
    for name in ("all.zip", "all.sqlite"):
        assert everything.write(session, tmp_path / name) >= 15
        session.flush()
    with zipfile.ZipFile(tmp_path / "all.zip") as packed:
        assert packed.testzip() is None
        inside = {table.name for table in tables.exported()}
        assert set(packed.namelist()) == {f"{name}.csv" for name in inside} | {"README.txt"}
        text = packed.read("account.csv").decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(int(line["id"]), line["name"]) for line in lines] == [(n, f"'{SAID}") for n in made]
    with closing(sqlite3.connect(tmp_path / "all.sqlite")) as kept:
        assert kept.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        names = {name for (name,) in kept.execute("SELECT name FROM sqlite_master WHERE sql != ''")}
        assert names == inside | {"readme"}
        found = kept.execute("SELECT id, name FROM account ORDER BY id").fetchall()
        assert found == [(n, SAID) for n in made]
        assert kept.execute("SELECT sum(amount_minor) FROM donation").fetchone() == (2000,)


def test_a_file_that_is_there_is_left_as_it_is(session: Session, tmp_path: Path) -> None:
    there = tmp_path / "all.zip"
    there.write_text("mine")
    with pytest.raises(FileExistsError):
        everything.write(session, there)
    assert there.read_text() == "mine"


def test_what_breaks_off_leaves_no_file(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(tables, "batch", breaks)
    for name in ("all.zip", "all.sqlite"):
        with pytest.raises(ConnectionError):
            everything.write(session, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_the_command_says_what_it_wrote_and_what_it_refuses(
    app: Flask, committed: Engine, tmp_path: Path
) -> None:
    run = app.test_cli_runner().invoke
    told = run(args=["export", "everything", str(tmp_path / "all.sqlite")])
    assert (told.exit_code, told.output.split(":")[0]) == (
        0,
        f"Rows written to {tmp_path / 'all.sqlite'}",
    )
    again = run(args=["export", "everything", str(tmp_path / "all.sqlite")])
    assert (again.exit_code, "is there already" in again.output) == (2, True)
    wrong = run(args=["export", "everything", str(tmp_path / "all.txt")])
    assert (wrong.exit_code, "Let PATH end in .zip or .sqlite." in wrong.output) == (2, True)


def test_a_zip_can_be_gone_on_with_from_what_was_kept_of_it() -> None:
    packed, made = Zip(datetime(2026, 3, 2, 12, 30, 6, tzinfo=UTC)), b""
    for name, parts in (("ä.csv", [b"one,", b"two"]), ("empty.csv", [])):
        made += packed.begin(name)
        for part in parts:
            packed = Zip.of_json(json.loads(json.dumps(packed.as_json())))
            made += packed.add(part)
        made += packed.end()
    made += packed.close()
    with zipfile.ZipFile(io.BytesIO(made)) as read:
        assert read.testzip() is None
        assert [(each.filename, each.date_time) for each in read.infolist()] == [
            ("ä.csv", (2026, 3, 2, 12, 30, 6)),
            ("empty.csv", (2026, 3, 2, 12, 30, 6)),
        ]
        assert read.read("ä.csv") == b"one,two"
    assert len(made) == packed.written
