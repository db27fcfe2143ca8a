"""Finds processes that a demo in some directory has left behind."""

import os
import time
from pathlib import Path


def left_behind(directory: Path, patience: float = 15) -> list[str]:
    """Command lines of processes that still belong to `directory` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while (found := _belonging(directory)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _belonging(directory: Path) -> list[str]:
    return [
        (process / "cmdline").read_text().replace("\0", " ") or process.name
        for process in Path("/proc").glob("[0-9]*")
        if int(process.name) != os.getpid() and _mentions(process, str(directory))
    ]


def _mentions(process: Path, directory: str) -> bool:
    try:
        told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        works_in = os.readlink(process / "cwd")
    except OSError:  # ended meanwhile, or not ours to look at
        return False
    return f"DATA={directory}\0".encode() in told or works_in.startswith(directory)
