"""A ZIP file that is written piece by piece, and can be gone on with by another process. Pure.

The state between two pieces is plain data. Every file in it is written with 64-bit sizes, because
nobody knows beforehand how long it gets (APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3).
"""

import struct
import zlib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

VERSION, DEFLATED = 45, 8
# Sizes follow the content; names are UTF-8.
FLAGS = 0x0808
UNKNOWN = 0xFFFFFFFF
# An empty last block: pieces before it end between two blocks.
END_OF_FILE = b"\x03\x00"


@dataclass
class Entry:
    """A file inside: `offset` is where it begins, `size` that of its content so far."""

    name: str
    offset: int
    crc: int = 0
    size: int = 0
    packed: int = 0


@dataclass
class Zip:
    """Give its pieces on in the order in which they come. `written` is how long they are so far.

    `made_at` is the time that every file inside bears.
    """

    made_at: datetime
    written: int = 0
    entries: list[Entry] = field(default_factory=list)
    is_open: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"made_at": self.made_at.isoformat()}

    @classmethod
    def of_json(cls, kept: dict[str, Any]) -> Self:
        """What as_json() told."""
        entries = [Entry(**entry) for entry in kept["entries"]]
        made_at = datetime.fromisoformat(kept["made_at"])
        return cls(made_at, kept["written"], entries, kept["is_open"])

    def begin(self, name: str) -> bytes:
        """A new file inside; the one before must have ended."""
        self.entries.append(Entry(name, self.written))
        self.is_open = True
        called = name.encode()
        extra = struct.pack("<HHQQ", 1, 16, 0, 0)
        head = struct.pack(
            "<4s5H3I2H",
            b"PK\3\4",
            VERSION,
            FLAGS,
            DEFLATED,
            *self._time(),
            0,
            UNKNOWN,
            UNKNOWN,
            len(called),
            len(extra),
        )
        return self._count(head + called + extra)

    def add(self, content: bytes) -> bytes:
        """More of the file that was begun."""
        entry = self.entries[-1]
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)
        entry.crc = zlib.crc32(content, entry.crc)
        entry.size += len(content)
        entry.packed += len(packed)
        return self._count(packed)

    def end(self) -> bytes:
        """The file that was begun is complete."""
        entry = self.entries[-1]
        entry.packed += len(END_OF_FILE)
        self.is_open = False
        sizes = struct.pack("<4sIQQ", b"PK\7\10", entry.crc, entry.packed, entry.size)
        return self._count(END_OF_FILE + sizes)

    def close(self) -> bytes:
        """The table of contents, with which the ZIP is complete."""
        begins = self.written
        contents = b"".join(self._line(entry) for entry in self.entries)
        many, size = len(self.entries), len(contents)
        made = (3 << 8) | VERSION
        last = struct.pack(
            "<4sQHHIIQQQQ", b"PK\6\6", 44, made, VERSION, 0, 0, many, many, size, begins
        )
        where = struct.pack("<4sIQI", b"PK\6\7", 0, begins + size, 1)
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, UNKNOWN, UNKNOWN, 0)
        return self._count(contents + last + where + end)

    def _line(self, entry: Entry) -> bytes:
        called = entry.name.encode()
        extra = struct.pack("<HHQQQ", 1, 24, entry.size, entry.packed, entry.offset)
        made = (3 << 8) | VERSION
        head = struct.pack(
            "<4s6H3I5H2I",
            b"PK\1\2",
            made,
            VERSION,
            FLAGS,
            DEFLATED,
            *self._time(),
            entry.crc,
            UNKNOWN,
            UNKNOWN,
            len(called),
            len(extra),
            0,
            0,
            0,
            0o600 << 16,
            UNKNOWN,
        )
        return head + called + extra

    def _time(self) -> tuple[int, int]:
        at = self.made_at
        return (
            at.hour << 11 | at.minute << 5 | at.second // 2,
            (at.year - 1980) << 9 | at.month << 5 | at.day,
        )

    def _count(self, piece: bytes) -> bytes:
        self.written += len(piece)
        return piece
