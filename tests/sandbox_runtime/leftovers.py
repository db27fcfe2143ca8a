"""Finds processes that a demo in some directory has left behind."""

import os
import time
from pathlib import Path


def left_behind(directory: Path, patience: float = 30) -> list[str]:
    """Command lines of processes that still belong to `directory` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while (found := _belonging(directory)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _belonging(directory: Path) -> list[str]:
    return [
        command
        for process in Path("/proc").glob("[0-9]*")
        if int(process.name) != os.getpid() and (command := _if_mentioned(process, str(directory)))
    ]


def _if_mentioned(process: Path, directory: str) -> str:
    """The command line of a process that belongs there; empty of any other."""
    try:
        command = (process / "cmdline").read_bytes()
        told = (process / "environ").read_bytes() + command
        works_in = os.readlink(process / "cwd")
    except OSError:  # ended meanwhile, or not ours to look at
        return ""
    if f"DATA={directory}\0".encode() not in told and not works_in.startswith(directory):
        return ""
    return command.decode(errors="replace").replace("\0", " ") or process.name
