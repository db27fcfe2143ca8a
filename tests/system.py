"""The whole system as real processes, and what a test asks of it and does to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
import sqlalchemy as sa
from celery import Celery
from kombu.exceptions import OperationalError

from sandbox.demo.surroundings import ROOT
from sandbox.demo.system import System as Demo
from sandbox.inbox import Reader
from sandbox.services import free_port, tied

WAIT_SECONDS = 60.0
Found = TypeVar("Found")


def wait_until(
    found: Callable[[], Found], what: str | Callable[[], str], seconds: float = WAIT_SECONDS
) -> Found:
    """Ask until the answer is truthy, and return it; fails saying what did not come."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        if time.monotonic() > deadline:
            said = what() if callable(what) else what
            pytest.fail(f"{said} did not come within {seconds:g} s")
        time.sleep(0.1)
    return answer


@dataclass
class System:
    """A running demo: the addresses of its parts (as in demo.json), and its directory."""

    web: str
    stripe: str
    inbox: str
    database_url: str
    redis_url: str
    pids: dict[str, int]
    directory: Path

    @cached_property
    def environment(self) -> dict[str, str]:
        """What the Procfile's processes run with: every setting of the product."""
        entries = Path(f"/proc/{self.pids['web']}/environ").read_text().split("\0")
        return dict(entry.split("=", 1) for entry in entries if entry)

    @property
    def log(self) -> str:
        """What all processes have said so far."""
        return (self.directory / "log" / "kava.log").read_text(errors="replace")

    # The database

    @cached_property
    def engine(self) -> sa.Engine:
        """It keeps no connection, since tests restart the server."""
        return sa.create_engine(self.database_url, poolclass=sa.NullPool)

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """All rows; committed if the statement changes something."""
        with self.engine.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    def scalar(self, statement: str, **values: Any) -> Any:
        """The first row's first value, None without a row; committed as in `rows`."""
        return next((next(iter(row.values())) for row in self.rows(statement, **values)), None)

    # Mail

    @property
    def mail(self) -> Reader:
        return Reader(self.inbox)

    def mails(self, to: str) -> list[dict[str, Any]]:
        """Every mail to `to` that has arrived, oldest first."""
        return self.mail.messages(to)

    def wait_for_mail(self, to: str, containing: str) -> dict[str, Any]:
        """The newest mail to `to` whose subject or text contains `containing`."""

        def arrived() -> dict[str, Any] | None:
            found = [m for m in self.mails(to) if containing in m["subject"] + m["text"]]
            return found[-1] if found else None

        mail = wait_until(arrived, f"a mail to {to} with {containing!r}")
        assert mail
        return mail

    # Stripe

    def sandbox(self, path: str, **body: Any) -> dict[str, Any]:
        """POST to the stand-in's `/sandbox/…`."""
        answer = requests.post(f"{self.stripe}/sandbox/{path}", json=body, timeout=30)
        assert answer.ok, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def stripe_api(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """A call of Stripe's own API, as any other program of the account's owner makes it."""
        key = self.environment["STRIPE_SECRET_KEY"]
        sent = {"params" if method == "GET" else "data": params}
        answer = requests.request(
            method, f"{self.stripe}/v1/{path}", auth=(key, ""), timeout=30, **sent
        )
        assert answer.ok, answer.text
        content: dict[str, Any] = answer.json()
        return content

    # Processes

    def flask(self, *arguments: str) -> str:
        """What a `flask` command printed; it must succeed."""
        command = [sys.executable, "-m", "flask", "--app", "app", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def celery(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """One more Celery process, in a process group of its own; killed afterwards."""
        command = [sys.executable, "-m", "celery", "-A", "tasks.worker", *arguments]
        with (self.directory / "log" / "extra.log").open("ab") as log:
            process = subprocess.Popen(
                tied(command, "KILL"), cwd=ROOT, env=self.environment,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            kill(process)

    @contextmanager
    def extra_worker(self, name: str = "extra") -> Iterator[subprocess.Popen[bytes]]:
        """One more worker beside the demo's own; it takes tasks when this begins."""
        options = ("--concurrency", "2", "--hostname", f"{name}@here", "--pool", "prefork")
        with self.celery("worker", *options) as process:
            wait_until(lambda: self._answers(f"{name}@here"), f"the worker {name}", 60)
            yield process

    @contextmanager
    def extra_web(self, **settings: str) -> Iterator["Web"]:
        """One more web server over the same database, with other `settings` than the demo's."""
        port = free_port()
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory"]
        command += ["--host", "127.0.0.1", "--port", str(port), "app:create_app"]
        with (self.directory / "log" / "extra.log").open("ab") as log:
            process = subprocess.Popen(
                tied(command, "KILL"), cwd=ROOT, env=self.environment | settings,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        web = Web(f"http://127.0.0.1:{port}", process)
        try:
            wait_until(web.answers, "the extra web server", 60)
            yield web
        finally:
            web.kill()

    @contextmanager
    def stopped(self, part: str) -> Iterator[None]:
        """`worker` or `beat` hangs meanwhile: it is there, and does nothing."""
        os.killpg(self.pids[part], signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.pids[part], signal.SIGCONT)

    def wake(self, task: str, times: int = 1) -> None:
        """What beat sends every minute."""
        with Celery(broker=self.redis_url, set_as_current=False) as broker:
            for _ in range(times):
                broker.send_task(task, ignore_result=True)

    def _answers(self, worker: str) -> bool:
        with Celery(broker=self.redis_url, set_as_current=False) as broker:
            try:
                return bool(broker.control.ping(destination=[worker], timeout=0.5))
            except OperationalError:
                return False


@dataclass
class Web:
    """A web server of a test's own; `url` has no slash at its end."""

    url: str
    process: subprocess.Popen[bytes]

    def answers(self) -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        return False

    def kill(self) -> None:
        kill(self.process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """`kill -9` of a process and all its children, which share its group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def running(
    directory: Path, patrons: int = 20, months: int = 3, **servers: str
) -> Iterator[System]:
    """A whole system in `directory`; `servers` (DATABASE_URL, REDIS_URL) replace its own.

    Its log is kept below var/, under the directory's name.
    """
    surroundings = {name: each for name, each in os.environ.items() if not name.endswith("_URL")}
    with Demo(directory, patrons, months, surroundings | servers) as demo:
        names = ("web", "stripe", "inbox", "database_url", "redis_url", "pids")
        system = System(**{name: demo.info[name] for name in names}, directory=directory)
        yield system
    kept = ROOT / "var" / f"test-{directory.name}.log"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(system.log)
