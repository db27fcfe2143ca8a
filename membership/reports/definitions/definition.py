"""What a figure means."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Definition:
    """`name` and `sentence` are translated where they are shown; `formula` reads the same in all
    languages."""

    key: str
    name: Any
    sentence: Any
    formula: str
