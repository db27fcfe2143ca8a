"""`python -m sandbox.demo`: prepare, start, say where everything is, and stop on Ctrl-C."""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from celery import Celery
from kombu.exceptions import OperationalError

from sandbox import services
from sandbox.demo import planting, surroundings
from sandbox.demo.processes import Processes
from sandbox.demo.surroundings import PATRON, ROOT, STAFF, Ports

READY_SECONDS = 180
PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run until a signal comes (status 0) or something ends by itself (status 1)."""
    options = _options()
    directory = options.directory.resolve()
    _stop_on_signals()
    try:
        with surroundings.claimed(directory):
            run(directory, options)
    except KeyboardInterrupt:
        click.echo("\nStopped.")
        return 0
    except services.StartError as error:
        click.echo(f"\n{error}", err=True)
        return 1
    return 0


def run(directory: Path, options: argparse.Namespace) -> None:
    """Start everything and watch it. Ends by KeyboardInterrupt or StartError, with all stopped."""
    info = directory / "demo.json"
    info.unlink(missing_ok=True)
    settings = directory / "demo.env"
    ports = Ports.near(options.port)
    if options.port and ports.web != options.port:
        click.echo(f"Port {options.port} is taken, so the site uses {ports.web}.")
    with ExitStack() as stack:
        with step("Starting PostgreSQL and Redis"):
            database_url, redis_url, servers = _servers(directory, stack)
        env = surroundings.environment(directory, ports, database_url, redis_url)
        with step("Preparing the database"):
            _migrate(directory, env)
        processes = Processes(options.procfile, env, directory / "log" / "kava.log")
        stack.callback(processes.stop)
        for file in (info, settings):
            stack.callback(file.unlink, missing_ok=True)
        with step("Starting the site, the worker and their surroundings"):
            _wait_until_ready(processes, env, ports)
        _seed_once(directory, env, options)
        surroundings.write_settings(settings, env)
        surroundings.write_info(info, ports, env, processes.pids)
        click.echo(table(directory, ports))
        _watch(processes, servers)


def table(directory: Path, ports: Ports) -> str:
    """What there is to see, and where."""
    site = f"http://127.0.0.1:{ports.web}"
    rows = {
        "Site": f"{site}/",
        "Give": f"{site}/support",
        "Staff pages": f"{site}/staff/   sign in as {STAFF}",
        "A patron": f"{site}/sign-in   sign in as {PATRON}",
        "Mail": f"http://127.0.0.1:{ports.inbox}/   every mail, sign-in links too",
        "Stripe pages": f"http://127.0.0.1:{ports.stripe}/   a stand-in; no money moves",
        "Card that pays": "4242 4242 4242 4242   any later date, any code",
        "Card declined": "4000 0000 0000 0002",
        "Commands": f".venv/bin/flask --env-file {os.path.relpath(directory)}/demo.env --help",
        "Logs": f"{os.path.relpath(directory)}/log/",
    }
    lines = [f"  {click.style(name.ljust(14), bold=True)}  {value}" for name, value in rows.items()]
    rule = "─" * 74
    return "\n".join(["", rule, *lines, rule, "  Ctrl-C stops everything.", ""])


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what goes on, and how long it took."""
    click.echo(f"{text} … ", nl=False)
    began = time.monotonic()
    try:
        yield
    except services.StartError:
        click.echo("no.")
        raise
    click.echo(f"{time.monotonic() - began:.1f} s")


def _servers(directory: Path, stack: ExitStack) -> tuple[str, str, list[services.Server]]:
    """The addresses of PostgreSQL and Redis, and those of the two that are ours."""
    servers: list[services.Server] = []
    database_url = os.environ.get("DATABASE_URL")
    if not database_url:
        postgres = services.start_postgres(directory / "postgres", durable=True)
        servers.append(stack.enter_context(postgres))
        database_url = postgres.url
    redis_url = os.environ.get("REDIS_URL")
    if not redis_url:
        redis = services.start_redis(directory / "redis")
        servers.append(stack.enter_context(redis))
        redis_url = redis.url
    return database_url, redis_url, servers


def _flask(directory: Path, env: dict[str, str], *arguments: str) -> None:
    """Run one `flask` command; StartError with its last lines when it fails."""
    log = directory / "log" / f"{arguments[0]}.log"
    command = [sys.executable, "-m", "flask", "--app", "app", *arguments]
    with log.open("wb") as output:
        # In a session of its own and tied to us, so that Ctrl-C stops it exactly once.
        child = subprocess.Popen(
            services.tied(command, "TERM"), cwd=ROOT, env=env,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            status = child.wait()
        except KeyboardInterrupt:
            child.terminate()
            child.wait()
            raise
    if status != 0:
        said = services.last_lines(log, 20)
        raise services.StartError(f"flask {arguments[0]} failed; see {log}.\n{said}")


def _migrate(directory: Path, env: dict[str, str]) -> None:
    """Run the migrations, unless they have not changed since they ran on this very database."""
    versions = sorted(ROOT.glob("membership/migrations/versions/*.py"))
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in versions)).hexdigest()
    done = directory / "postgres" / "migrated"
    is_ours = not os.environ.get("DATABASE_URL")
    if is_ours and done.exists() and done.read_text() == wanted:
        return
    _flask(directory, env, "migrate")
    if is_ours:
        done.write_text(wanted)


def _seed_once(directory: Path, env: dict[str, str], options: argparse.Namespace) -> None:
    """Each step leaves a mark, so that a start that broke off between them goes on there."""
    seeded, planted = directory / "seeded", directory / "planted"
    if not seeded.exists() and options.patrons > 0:
        patrons, months = str(options.patrons), str(options.months)
        with step(f"Inventing {patrons} patrons over {months} months, once"):
            _flask(directory, env, "seed", "--patrons", patrons, "--months", months)
        seeded.touch()
    if seeded.exists() and not planted.exists():
        with step("Telling the Stripe stand-in about them"):
            planting.plant(env["DATABASE_URL"], env["STRIPE_API_BASE"], env["STRIPE_SECRET_KEY"])
        planted.touch()


def _wait_until_ready(processes: Processes, env: dict[str, str], ports: Ports) -> None:
    waiting = {
        "The site": f"{env['PUBLIC_URL']}/readyz",
        "The Stripe stand-in": f"{env['STRIPE_API_BASE']}/sandbox/state",
        "The inbox": f"http://127.0.0.1:{ports.inbox}/messages.json",
        "The worker": env["REDIS_URL"],
    }
    deadline = time.monotonic() + READY_SECONDS
    while waiting:
        for name, url in list(waiting.items()):
            if _worker_answers(url) if name == "The worker" else _page_answers(url):
                del waiting[name]
        if not processes.run:
            raise services.StartError(processes.why_ended())
        if time.monotonic() > deadline:
            raise services.StartError(f"{next(iter(waiting))} does not answer; see var/log/.")
        time.sleep(0.1)


def _page_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _worker_answers(redis_url: str) -> bool:
    with Celery(broker=redis_url, set_as_current=False) as broker:
        try:
            return bool(broker.control.ping(timeout=0.5))
        except OperationalError:
            return False


def _watch(processes: Processes, servers: list[services.Server]) -> None:
    """Return never: StartError as soon as anything ends."""
    while processes.run:
        for server in servers:
            if not server.runs:
                raise services.StartError(f"{server.name} ended; see {server.log}.")
        time.sleep(0.5)
    raise services.StartError(processes.why_ended())


def _stop_on_signals() -> None:
    """Every way to end us is KeyboardInterrupt, once, also when whoever started us is killed."""

    def interrupt(number: int, frame: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it stays ignored
        signal.signal(signal.SIGHUP, interrupt)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox.demo", description=__doc__)
    parser.add_argument("--directory", type=Path, default=ROOT / "var")
    parser.add_argument("--port", type=int, default=int(os.environ.get("DEMO_PORT", "8000")))
    parser.add_argument("--patrons", type=int, default=300, help="0 invents nothing")
    parser.add_argument("--months", type=int, default=14)
    parser.add_argument("--procfile", type=Path, default=ROOT / "Procfile")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
