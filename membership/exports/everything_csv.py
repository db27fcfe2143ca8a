"""Everything as one ZIP: a CSV file a table, and a README that says what they are."""

from typing import Any

from sqlalchemy.orm import Session

from membership.exports import readme, tables
from membership.exports.making import Step
from membership.exports.models import Export
from membership.exports.values import in_csv
from membership.exports.zipping import Zip
from membership.web.spreadsheet import MARK, rows_of

BATCH = 2_000


def step(session: Session, export: Export) -> Step:
    """The README, then some rows of a table, and in the end the table of contents."""
    if not export.reached:
        packed = Zip(export.created_at)
        about = readme.text(export.created_at).encode()
        pieces = [packed.begin("README.txt"), packed.add(about), packed.end()]
        return Step(_reached(packed, 0, None), pieces)
    packed = Zip.of_json(export.reached["zip"])
    number, after = export.reached["table"], export.reached["after"]
    every = tables.exported()
    if number == len(every):
        return Step(None, [packed.close()])
    table, pieces = every[number], []
    if not packed.is_open:
        pieces.append(packed.begin(f"{table.name}.csv"))
        head = rows_of([[column.name for column in tables.columns(table)]])
        pieces.append(packed.add((MARK + head).encode()))
    batch = tables.batch(session, table, after, BATCH)
    lines = rows_of([in_csv(value) for value in row] for row in batch.rows)
    pieces.append(packed.add(lines.encode()))
    if batch.last is None:
        pieces.append(packed.end())
        number += 1
    return Step(_reached(packed, number, batch.last), pieces, len(batch.rows))


def _reached(packed: Zip, table: int, after: list[str] | None) -> dict[str, Any]:
    return {"zip": packed.as_json(), "table": table, "after": after}
