"""What files are called, in the language of whoever reads it; never whom or what they hold."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask_babel import lazy_gettext as _

KINDS: Mapping[str, Any] = MappingProxyType(
    {
        "patrons": _("Patrons of a view (CSV)"),
        "everything_csv": _("Everything, as CSV files in a ZIP"),
        "everything_sqlite": _("Everything, as a SQLite file"),
    }
)
