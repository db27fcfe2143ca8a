"""One step of an export: what every kind of file gives back to membership.exports.jobs."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """`pieces` are the next bytes of the file, `rows` how many rows are in them; `reached` is
    where the next step begins, None when the file is complete."""

    reached: dict[str, Any] | None
    pieces: list[bytes] = field(default_factory=list)
    rows: int = 0
    # The file begins anew: nothing of what was made before belongs to it.
    is_anew: bool = False
