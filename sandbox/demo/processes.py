"""The Procfile's processes under honcho: they start together and stop together."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from sandbox.services import tied

STOP_SECONDS = 20


class Processes:
    """honcho and all that it runs; their output goes to one log, each line with its name."""

    def __init__(self, procfile: Path, env: dict[str, str], log: Path) -> None:
        self._log = log
        command = [sys.executable, "-m", "honcho", "--no-colour", "--env", os.devnull]
        with log.open("wb") as output:
            self._honcho = subprocess.Popen(
                # When the demo is killed, honcho is told to stop, and stops the others in order.
                tied([*command, "--procfile", str(procfile), "start"], "TERM"),
                cwd=procfile.parent,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal reaches the demo alone, which then stops honcho.
                start_new_session=True,
            )
        self._names = re.findall(r"^(\w+):", procfile.read_text(), re.MULTILINE)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by the Procfile's names, of those that have been started."""
        started = re.findall(r"\| (\w+)\.1 started \(pid=(\d+)\)", self._log.read_text())
        return {name: int(pid) for name, pid in started}

    @property
    def run(self) -> bool:
        """Whether honcho runs; when one of its processes ends, it stops all and itself."""
        return self._honcho.poll() is None

    def why_ended(self) -> str:
        """Which process ended first, and its last lines."""
        text = self._log.read_text(errors="replace")
        first = re.search(r"\| (\w+)\.1 stopped \(rc=(-?\d+)\)", text)
        if not first:
            return f"honcho ended with status {self._honcho.poll()}; see {self._log}."
        name, status = first.groups()
        lines = re.findall(rf"^\S+ {name}\.1 +\| (.*)$", text[: first.start()], re.MULTILINE)
        said = "\n".join(f"    {line}" for line in lines[-8:])
        return f"{name} ended with status {status}, so everything stops; see {self._log}.\n{said}"

    def stop(self) -> None:
        """Stop all, in order if they can, and return when none is left."""
        # honcho cannot take a signal before it knows all its processes.
        deadline = time.monotonic() + STOP_SECONDS
        while self.run and len(self.pids) < len(self._names) and time.monotonic() < deadline:
            time.sleep(0.05)
        self._honcho.terminate()
        try:
            self._honcho.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._honcho.kill()
            self._honcho.wait()
        for pid in self.pids.values():
            # A process's own children share its group; usually all are gone by now.
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
