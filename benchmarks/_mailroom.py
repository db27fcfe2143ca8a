"""What benchmarks of mail share: a peer that throws mail away, real workers, rows that are due."""

import os
import shutil
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from celery import Celery
from flask import Flask
from sqlalchemy import func, literal, null, select

from benchmarks._surroundings import ROOT, Surroundings
from membership.db import transaction
from membership.mail import outbox
from membership.mail.models import OutboxEmail
from sandbox.services import free_port

# Where postfix keeps it, beside the PATH.
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/postfix"])
STORY = {
    "topic": "Why the bridge has been closed for three years",
    "title": "The bridge that nobody may cross",
    "standfirst": "Three inspections, two contracts, and a report that was never published: "
    "we have read all of it, and spoken with those who wrote it.",
    "url": "https://courier.example/articles/the-bridge",
}


@contextmanager
def peer() -> Iterator[str]:
    """The address of a mail server: postfix' smtp-sink, or ours where there is none."""
    port = free_port()
    sink = shutil.which("smtp-sink", path=PLACES)
    if sink:
        unprivileged = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [sink, *unprivileged, f"127.0.0.1:{port}", "100"]
    else:
        command = [sys.executable, str(Path(__file__).with_name("_sink.py")), str(port)]
    print(f"mail goes to {Path(command[0]).name if sink else 'our own sink'}")
    server = subprocess.Popen(command)
    try:
        _wait_until_it_listens(port)
        yield f"smtp://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            smtplib.SMTP("127.0.0.1", port, timeout=5).quit()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


class Workers:
    """Real worker processes, in a group of their own."""

    def __init__(self, here: Surroundings, processes: int) -> None:
        self._redis = here.env["REDIS_URL"]
        command = [sys.executable, "-m", "celery", "-A", "tasks.worker", "worker"]
        self._process = subprocess.Popen(
            [*command, "--concurrency", str(processes), "--loglevel", "ERROR"],
            cwd=ROOT, env=here.env, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with Celery(broker=self._redis, set_as_current=False) as broker:
            deadline = time.monotonic() + 60
            while not broker.control.ping(timeout=0.5):
                assert time.monotonic() < deadline, "no worker answers"

    def wake(self, task: str, times: int = 1) -> None:
        with Celery(broker=self._redis, set_as_current=False) as broker:
            for _ in range(times):
                broker.send_task(task, ignore_result=True)

    def peak_mb(self) -> float:
        """The most memory that any one of them has had since forget_peak()."""
        return max(_status(pid, "VmHWM") / 1024 for pid in self._children())

    def forget_peak(self) -> None:
        for pid in self._children():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _children(self) -> list[int]:
        pid = self._process.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(each) for each in found]


def _status(pid: int, field: str) -> int:
    (line,) = [
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith(f"{field}:")
    ]
    return int(line.split()[1])


@contextmanager
def workers(here: Surroundings, processes: int) -> Iterator[Workers]:
    started = Workers(here, processes)
    try:
        yield started
    finally:
        started.stop()


def write_to_all(app: Flask, number: int, readers: int, starts_at: datetime | None = None) -> None:
    """Mail about a story, the same to as many; due when this returns, unless it starts later."""
    each = func.generate_series(1, readers).column_valued("number")
    address = func.concat("reader", each, f".{number}@example.org")
    with app.app_context(), transaction() as session:
        outbox.put_to_all(
            session,
            select(address, literal("en"), null()),
            "published",
            f"topic:{number}",
            lambda _: STORY,
            starts_at=starts_at,
        )


def waiting(connection: psycopg.Connection[tuple[int]]) -> bool:
    """Whether any mail that is due has not left."""
    row = connection.execute(
        "SELECT FROM outbox_email WHERE settled_at IS NULL"
        " AND next_attempt_at < '9999-01-01' LIMIT 1"
    ).fetchone()
    return row is not None


def a_letter(app: Flask) -> bytes:
    """As one of them reads it, as bytes."""
    from membership.mail import letters

    mail = OutboxEmail(
        id=1, kind="published", recipient="reader1.1@example.org", language="en", context=STORY,
        message_id="<4f8e6f0a-7e43-4cf4-8b0a-5f8d5b0d5a55@kava.example>",
        created_at=datetime.now(UTC),
    )  # fmt: skip
    with app.app_context():
        return letters.compose(mail).as_bytes()
