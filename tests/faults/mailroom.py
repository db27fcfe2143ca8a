"""Mail alone, on real processes: an inbox to write to, workers and beats to kill.

A room has a database of its own, so nobody else's mail is in it; processes run when a test says so.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sandbox import inbox as inboxes
from sandbox import services
from sandbox.demo.surroundings import ROOT, Ports, environment
from sandbox.services import free_port, last_lines, tied
from tests.system import System, wait_until

# How many children a worker has, each of which hands over one mail at a time.
CHILDREN = 2
LONG = 120.0
STORY = {
    "topic": "Who repairs the bridge?",
    "title": "The bridge, repaired",
    "standfirst": "It took nine years.",
    "url": "https://courier.example/articles/bridge",
}
PUT = """
    INSERT INTO outbox_email (kind, recipient, subject, language, context, is_bulk, state, attempts,
        not_after_at, next_attempt_at)
    SELECT :kind, coalesce(:recipient, :name || number || '@readers.example'), :name, :language,
        CAST(:context AS jsonb), :is_bulk, 'pending', 0, now() + CAST(:ends AS interval), now()
    FROM generate_series(1, :number) AS number
"""
FINAL = "('sent', 'failed', 'suppressed', 'expired', 'uncertain')"
_numbers = count(1)


class Mailroom(System):
    """A database, a Redis and an inbox; `tests.system` says what can be done with processes."""

    nursery: subprocess.Popen[str] | None = None

    def put(self, number: int, name: str, kind: str = "published", **values: Any) -> None:
        """Mails to name1@readers.example and so on, due now; `ends` is an interval from now."""
        made = {"language": "en", "context": STORY, "ends": None, "recipient": None} | values
        made["is_bulk"] = kind == "published"
        made["context"] = json.dumps(made["context"])
        self.rows(PUT, number=number, name=name, kind=kind, **made)

    def mail_to(self, name: str) -> list[dict[str, Any]]:
        """The rows of all mails that were put under a name, in order."""
        return self.rows("SELECT * FROM outbox_email WHERE subject = :name ORDER BY id", name=name)

    def states(self, name: str) -> Counter[str]:
        """How many mails of a name are in each state."""
        return Counter(row["state"] for row in self.mail_to(name))

    def deliver(self) -> None:
        """Wake every child of a worker."""
        self.wake("mail.deliver", times=CHILDREN)

    def arrived(self) -> int:
        """How many mails the inbox has, those that came twice counted twice."""
        return len(self.mail.messages(fields="id"))

    def wait_for_more(self, mails: int) -> None:
        """Until so many more have arrived."""
        wanted = self.arrived() + mails
        wait_until(
            lambda: self.arrived() >= wanted,
            lambda: f"{wanted} mails ({self.arrived()} did; {self._all_states()})",
            LONG,
        )

    def wait_until_final(self, name: str, seconds: float = LONG) -> None:
        """Until nothing of a name is left to do."""
        left = f"SELECT count(*) FROM outbox_email WHERE subject = :name AND state NOT IN {FINAL}"
        wait_until(
            lambda: self.scalar(left, name=name) == 0,
            lambda: f"the end of all mail to {name} ({self.states(name)})",
            seconds,
        )

    def let_leases_run_out(self) -> None:
        """As if the time had passed after which a worker is given up; none may be at work."""
        self.rows(
            "UPDATE outbox_email SET next_attempt_at = now() WHERE state IN ('pending', 'sending')"
        )

    @contextmanager
    def worker(self, children: int = CHILDREN) -> Iterator["Process"]:
        """A worker as in the Procfile, killed with its children at the end."""
        options = ("--concurrency", str(children), "--loglevel", "INFO")
        # Those look for other workers, and wait a second for their answers.
        alone = ("--without-mingle", "--without-gossip")
        name = f"mail{next(_numbers)}@here"
        with self._celery("worker", *options, *alone, "--hostname", name) as process:
            yield process

    @contextmanager
    def beat(self) -> Iterator["Process"]:
        """A beat that hurries, killed at the end."""
        schedule = self.directory / f"beat{next(_numbers)}"
        options = ("--scheduler", "tests.faults.hurried:HurriedScheduler", "--pidfile=")
        with self._celery("beat", *options, "--schedule", str(schedule)) as process:
            yield process

    @contextmanager
    def _celery(self, *arguments: str) -> Iterator["Process"]:
        process = Process(self._nursery(arguments))
        try:
            yield process
        finally:
            process.kill()

    def _nursery(self, arguments: tuple[str, ...]) -> int:
        """The id of a new Celery process."""
        if self.nursery is None:
            command = [sys.executable, "-m", "tests.faults.nursery"]
            with (self.directory / "log" / "extra.log").open("ab") as log:
                self.nursery = subprocess.Popen(
                    tied(command, "KILL"), cwd=ROOT, env=self.environment, text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                )  # fmt: skip
        assert self.nursery.stdin
        assert self.nursery.stdout
        self.nursery.stdin.write(json.dumps(arguments) + "\n")
        self.nursery.stdin.flush()
        return int(self.nursery.stdout.readline())

    def close(self) -> None:
        """End the nursery, and all that came from it."""
        if self.nursery is not None:
            with self.nursery:
                self.nursery.kill()

    def assert_each_once(self, name: str) -> None:
        """No mail of a name came twice; all that were sent came; what else came is in doubt."""
        rows = self.mail_to(name)
        came = Counter(
            (mail["message_id"], mail["to"])
            for mail in self.mail.messages(fields="message_id,to")
            if mail["to"].startswith(name)
        )
        assert {each: times for each, times in came.items() if times > 1} == {}
        sent, uncertain = (
            {(row["message_id"], row["recipient"]) for row in rows if row["state"] == state}
            for state in ("sent", "uncertain")
        )
        assert sent - came.keys() == set(), "said to be sent, and did not arrive"
        assert came.keys() - sent - uncertain == set(), "arrived, and is not said to be sent"

    def _all_states(self) -> dict[str, int]:
        rows = self.rows("SELECT state, count(*) FROM outbox_email GROUP BY state")
        return {row["state"]: row["count"] for row in rows}


@dataclass(frozen=True)
class Process:
    """A Celery process by its id; its children are in its group."""

    pid: int

    def kill(self) -> None:
        """`kill -9` of all of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._wait()

    def finish(self) -> None:
        """Let it end what it has in hand, and go."""
        os.kill(self.pid, signal.SIGTERM)
        self._wait()

    def _wait(self) -> None:
        wait_until(lambda: not Path(f"/proc/{self.pid}").exists(), "the end of a process", 60)


@contextmanager
def migrated(directory: Path) -> Iterator[services.Postgres]:
    """A PostgreSQL whose database every room begins with a copy of."""
    with services.start_postgres(directory) as postgres:
        here = Ports(free_port(), free_port(), free_port(), free_port())
        values = environment(directory, here, postgres.url, "redis://127.0.0.1:1/0")
        command = [sys.executable, "-m", "flask", "--app", "app", "migrate"]
        subprocess.run(command, cwd=ROOT, env=values, check=True, capture_output=True)
        yield postgres


@contextmanager
def opened(
    postgres: services.Postgres, redis: services.Redis, directory: Path, **settings: str
) -> Iterator[Mailroom]:
    """A room over the two servers; `settings` (MAIL_RATE) beside the usual ones."""
    (directory / "log").mkdir(parents=True, exist_ok=True)
    url = sa.make_url(postgres.url).set(database=f"mail_{secrets.token_hex(4)}")
    server = sa.create_engine(postgres.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {url.database} TEMPLATE kava"))
    with inboxes.start() as inbox:
        ports = Ports(free_port(), free_port(), free_port(), free_port())
        place = url.render_as_string(hide_password=False)
        room = Mailroom("", "", inbox.http_url, place, redis.url, {}, directory)
        values = environment(directory, ports, place, redis.url) | settings
        room.environment = values | {"SMTP_URL": inbox.smtp_url}
        with closing(room):
            yield room
    log = directory / "log" / "extra.log"
    if log.exists():
        # Shown when the test has failed.
        sys.stderr.write(last_lines(log, 60) + os.linesep)
