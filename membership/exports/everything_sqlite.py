"""Everything as one SQLite file, with a table that says what the others are.

SQLite writes to a disk: the file is built in a folder of the worker's own, which keeps how far it
is, and is then given on in pieces. Workers of other machines leave it alone for a while; one that
does not find the folder begins anew.
"""

import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from socket import gethostname
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.orm import Session

from membership.exports import readme, tables
from membership.exports.making import Step
from membership.exports.models import Export
from membership.exports.values import in_sqlite

BATCH = 5_000
PREFIX = "kava-export-"
# In seconds: a folder that nobody has touched for so long was not begun just now.
LEFT = 3_600.0
PIECE = 4 * 1024 * 1024
NUMBERS = ("BIGINT", "SMALLINT", "INTEGER", "BOOLEAN")
_PLACE = "_place"


def step(session: Session, export: Export) -> Step:
    """Some rows of a table into the file; once all are there, a piece of it."""
    folder = Path(export.reached.get("folder", ""))
    if not export.reached or not folder.is_dir():
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        begin(folder / "file", readme.text(export.created_at))
        return Step(_home(folder, None), is_anew=True)
    file, sent = folder / "file", export.reached["sent"]
    if sent is None:
        rows, is_whole = fill(session, file)
        # A step that was not kept may have left its rows in the file.
        return Step(_home(folder, 0 if is_whole else None), rows=rows - export.rows)
    if sent == 0:
        finish(file)
    with file.open("rb") as content:
        content.seek(sent)
        piece = content.read(PIECE)
    if piece:
        return Step(_home(folder, sent + len(piece)), [piece])
    shutil.rmtree(folder)
    return Step(None)


def _home(folder: Path, sent: int | None) -> dict[str, Any]:
    """Where it lies, on which machine; how many bytes were given on, once all rows are there."""
    return {"folder": str(folder), "host": gethostname(), "sent": sent}


def sweep(running: Iterable[Export]) -> None:
    """Delete what lies on this machine and belongs to no export that is being made any more.

    One that failed, or whose worker was killed before it wrote down where the folder is.
    """
    needed = {export.reached.get("folder") for export in running}
    until = time.time() - LEFT
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if str(folder) not in needed and folder.stat().st_mtime < until:
            shutil.rmtree(folder)


def begin(file: Path, about: str) -> None:
    """An empty file with all tables."""
    with closing(_open(file)) as made, made:
        made.execute("CREATE TABLE readme (text TEXT)")
        made.execute("INSERT INTO readme VALUES (?)", [about])
        made.execute(f"CREATE TABLE {_PLACE} (number INTEGER, after TEXT, rows INTEGER)")
        made.execute(f"INSERT INTO {_PLACE} VALUES (0, NULL, 0)")
        for table in tables.exported():
            made.execute(_create(table))


def fill(session: Session, file: Path) -> tuple[int, bool]:
    """The next rows into the file; how many are there by now, and whether these are all.

    The place goes with the rows, in one transaction of SQLite: killed, nothing comes twice.
    """
    every = tables.exported()
    with closing(_open(file)) as made, made:
        number, kept, rows = made.execute(f"SELECT number, after, rows FROM {_PLACE}").fetchone()
        if number == len(every):
            return rows, True
        table = every[number]
        batch = tables.batch(session, table, kept and json.loads(kept), BATCH)
        marks = ", ".join("?" for _ in tables.columns(table))
        made.executemany(
            f'INSERT INTO "{table.name}" VALUES ({marks})',
            ([in_sqlite(value) for value in row] for row in batch.rows),
        )
        place = (number + 1, None) if batch.last is None else (number, json.dumps(batch.last))
        rows += len(batch.rows)
        made.execute(f"UPDATE {_PLACE} SET number = ?, after = ?, rows = ?", (*place, rows))
    return rows, False


def finish(file: Path) -> None:
    """Take away what only served the making; said again, it changes nothing."""
    with closing(_open(file)) as made, made:
        made.execute(f"DROP TABLE IF EXISTS {_PLACE}")


def _open(file: Path) -> sqlite3.Connection:
    made = sqlite3.connect(file)
    # A killed process loses nothing by it; when the machine goes, the file is made anew.
    made.execute("PRAGMA synchronous = OFF")
    return made


def _create(table: Table) -> str:
    shown = tables.columns(table)
    parts = [f'"{column.name}" {_type(column)}' for column in shown]
    key = [f'"{column.name}"' for column in shown if column.primary_key]
    if len(key) == len(table.primary_key.columns):
        parts.append(f"PRIMARY KEY ({', '.join(key)})")
    return f'CREATE TABLE "{table.name}" ({", ".join(parts)})'


def _type(column: Column[object]) -> str:
    """SQLite's own: what is written as text there is TEXT."""
    kind = str(column.type).split("(")[0]
    if kind in NUMBERS:
        return "INTEGER"
    return {"BYTEA": "BLOB", "BLOB": "BLOB", "DOUBLE PRECISION": "REAL", "DOUBLE": "REAL"}.get(
        kind, "TEXT"
    )
