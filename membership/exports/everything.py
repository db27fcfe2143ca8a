"""Everything into one file at once, for a person at a terminal: all of it as at one moment."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy.orm import Session

from membership import clock
from membership.accounts import audit
from membership.exports import everything_csv, everything_sqlite, readme
from membership.exports.models import Export


def write(session: Session, path: Path) -> int:
    """Write a ZIP of CSV files (.zip) or a SQLite file to a new file at `path`; rows written.

    `session` must stand in a transaction that sees one moment. Raises FileExistsError, and leaves
    nothing at `path` when something goes wrong on the way.
    """
    path.touch(mode=0o600, exist_ok=False)
    fill: Callable[[Session, Path], int] = _zip if path.suffix == ".zip" else _sqlite
    try:
        rows = fill(session, path)
    except BaseException:
        path.unlink()
        raise
    audit.record(session, "export.written", "export", kind=path.suffix.lstrip("."), rows=rows)
    return rows


def _zip(session: Session, path: Path) -> int:
    # Not added to the session: nobody asked the workers for it.
    made = Export(kind="everything_csv", created_at=clock.now(), reached={})
    rows = 0
    with path.open("wb") as file:
        while (step := everything_csv.step(session, made)).reached is not None:
            file.writelines(step.pieces)
            made.reached = step.reached
            rows += step.rows
        file.writelines(step.pieces)
    return rows


def _sqlite(session: Session, path: Path) -> int:
    everything_sqlite.begin(path, readme.text(clock.now()))
    is_whole = False
    while not is_whole:
        rows, is_whole = everything_sqlite.fill(session, path)
    everything_sqlite.finish(path)
    return rows
