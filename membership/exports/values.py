"""One value of a table, as a CSV file and as SQLite keep it. Pure."""

import base64
import json
from datetime import date, datetime, time
from typing import Any

from membership.web.spreadsheet import plain_text


def in_csv(value: Any) -> str:
    """Nothing is empty; times are ISO 8601 in UTC, lists are JSON, files are base64.

    Text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case bytes():
            return base64.b64encode(value).decode()
        case str():
            return plain_text(value)
        case dict() | list():
            return plain_text(_json(value))
        case datetime() | date() | time():
            return value.isoformat()
    return str(value)


def in_sqlite(value: Any) -> int | float | str | bytes | None:
    """As in_csv(), but that nothing is NULL, truth is 1 or 0, files and text are as is."""
    match value:
        case None | int() | float() | str() | bytes():
            return value
        case dict() | list():
            return _json(value)
    return in_csv(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
