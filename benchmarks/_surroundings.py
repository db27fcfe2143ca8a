"""What benchmarks run in: embedded services, a migrated database, one web process."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Flask

from app import create_app
from config.settings import Settings
from sandbox import services
from sandbox.demo.surroundings import Ports, environment

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Surroundings:
    """A directory that is thrown away, and every setting of the product."""

    directory: Path
    env: dict[str, str]

    def flask(self, *command: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "flask", *command],
            env=self.env, cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip


def application(here: Surroundings) -> Flask:
    """The product in this process, on the same database."""
    values: dict[str, Any] = {name.lower(): value for name, value in here.env.items()}
    return create_app(Settings(**values | {"_env_file": None}))


@contextmanager
def surroundings(**settings: str) -> Iterator[Surroundings]:
    """PostgreSQL with a migrated database, and Redis; `settings` add to the environment."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made,
        services.start_postgres(Path(made) / "postgres") as postgres,
        services.start_redis(Path(made) / "redis") as redis,
    ):
        directory = Path(made)
        env = environment(directory, Ports.near(0), postgres.url, redis.url)
        found = Surroundings(directory, env | {"LOG_LEVEL": "ERROR"} | settings)
        found.flask("migrate")
        yield found


@contextmanager
def standin(here: Surroundings) -> Iterator[str]:
    """The Stripe stand-in as a process of its own; its address."""
    address = urlsplit(here.env["STRIPE_API_BASE"])
    command = [sys.executable, "-m", "sandbox.stripe", "--port", str(address.port)]
    server = subprocess.Popen(
        [*command, "--webhook-secret", here.env["STRIPE_WEBHOOK_SECRETS"]],
        env=here.env, cwd=ROOT, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(f"{here.env['STRIPE_API_BASE']}/sandbox/state")
        yield here.env["STRIPE_API_BASE"]
    finally:
        server.terminate()
        server.wait()


@contextmanager
def serving(
    target: str, env: dict[str, str], directory: Path = ROOT, factory: bool = False
) -> Iterator[str]:
    """One granian process with `target`; its address once it answers."""
    port = services.free_port()
    options = ["--interface", "wsgi", "--port", str(port), "--workers", "1",
               "--blocking-threads", "16", "--log-level", "error"]  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "granian",
        *options,
        *(["--factory"] if factory else []),
        target,
    ]
    server = subprocess.Popen(command, env=env, cwd=directory)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/healthz")
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            requests.get(url, timeout=1)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise TimeoutError(f"nobody answers at {url}")
