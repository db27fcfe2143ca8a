"""The whole system in a directory of its own, for tests that walk through it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox.demo.surroundings import ROOT
from sandbox.inbox import Reader
from sandbox.services import StartError, free_port, last_lines, tied

START_SECONDS = 360
STOP_SECONDS = 120


class System:
    """`python -m sandbox.demo` as a process; also a context manager.

    `info` is the content of demo.json, `mail` reads the inbox, `output` is what it printed.
    `environment` replaces this process's; with DATABASE_URL or REDIS_URL in it, those are used.
    """

    info: dict[str, Any]
    mail: Reader

    def __init__(
        self,
        directory: Path,
        patrons: int = 20,
        months: int = 3,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.output = directory / "output.log"
        self._options = ["--patrons", str(patrons), "--months", str(months)]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Return once everything answers; StartError with what was said when it does not."""
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / "demo.json"
        began = time.time()
        command = [sys.executable, "-m", "sandbox.demo", "--directory", str(self.directory)]
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                tied([*command, "--port", str(free_port()), *self._options], "TERM"),
                cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        # One left by a demo that was killed is older.
        while not file.exists() or file.stat().st_mtime < began:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StartError(f"The system did not start.\n{last_lines(self.output, 20)}")
            time.sleep(0.1)
        self.info = json.loads(file.read_text())
        self.mail = Reader(self.info["inbox"])
        return self

    @property
    def pid(self) -> int:
        """Process id of the demo itself; those of its parts are in `info`."""
        assert self._process is not None
        return self._process.pid

    def wait(self) -> int:
        """Wait until it ends by itself, and return its exit status."""
        assert self._process is not None
        return self._process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """Stop all of it and return the exit status, 0 when all was well until now."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
