"""Where a demo lives: its directory, ports, secrets, and the environment that all of it shares."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings
from sandbox.services import StartError, free_port

ROOT = Path(__file__).parents[2]
STAFF = "staff@kava.example"
PATRON = "patron@kava.example"


@dataclass(frozen=True)
class Ports:
    """TCP ports on 127.0.0.1, all free when they were chosen."""

    web: int
    stripe: int
    inbox: int
    smtp: int

    @classmethod
    def near(cls, wanted: int) -> Ports:
        """The wanted port for the site, or the next free one, and free ones after it."""
        web = free_port(wanted)
        stripe = free_port(web + 1)
        inbox = free_port(stripe + 1)
        return cls(web, stripe, inbox, free_port(inbox + 1))


@contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """Hold the directory for this process alone; StartError when another demo runs in it."""
    try:
        (directory / "log").mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("w")
    except PermissionError as error:
        raise StartError(
            f"{directory} belongs to another user; use that one, or remove it."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartError(f"A demo already runs in {directory}. Stop that one first.") from error
        yield


def environment(directory: Path, ports: Ports, database_url: str, redis_url: str) -> dict[str, str]:
    """All settings of the product, and what the Procfile needs; nothing comes from a `.env`."""
    kept = _secrets(directory / "secrets.json")
    programs = Path(sys.executable).parent
    return os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "PUBLIC_URL": f"http://127.0.0.1:{ports.web}",
        "SECRET_KEY": kept["secret_key"],
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "STRIPE_SECRET_KEY": kept["stripe_secret_key"],
        "STRIPE_WEBHOOK_SECRETS": kept["stripe_webhook_secret"],
        "STRIPE_API_BASE": f"http://127.0.0.1:{ports.stripe}",
        "SMTP_URL": f"smtp://127.0.0.1:{ports.smtp}",
        "MAIL_FROM": "The Courier <post@kava.example>",
        "SITE_NAME": "The Courier",
        "CURRENCIES": "EUR,USD,UAH,GBP,PLN",
        "LOG_LEVEL": "INFO",
        "SENTRY_DSN": "",
        "DATA": str(directory),
        "WEB_PORT": str(ports.web),
        "STRIPE_PORT": str(ports.stripe),
        "INBOX_PORT": str(ports.inbox),
        "SMTP_PORT": str(ports.smtp),
    }


def write_info(file: Path, ports: Ports, env: dict[str, str], pids: dict[str, int]) -> None:
    """Write demo.json, whole or not at all; it holds the database's password, so it is private."""
    info = {
        "web": env["PUBLIC_URL"],
        "stripe": env["STRIPE_API_BASE"],
        "inbox": f"http://127.0.0.1:{ports.inbox}",
        "database_url": env["DATABASE_URL"],
        "redis_url": env["REDIS_URL"],
        "pids": {name: pids[name] for name in ("web", "worker", "beat")},
        "staff": {"email": STAFF, "totp_secret": None},
        "patron": {"email": PATRON},
    }
    fresh = file.with_suffix(".new")
    _write_private(fresh, json.dumps(info, indent=2) + "\n")
    fresh.rename(file)


def write_settings(file: Path, env: dict[str, str]) -> None:
    """Write demo.env, with which `flask --env-file` speaks to the running demo; private."""
    names = [name.upper() for name in Settings.model_fields if name.upper() in env]
    _write_private(file, "".join(f"{name}='{env[name]}'\n" for name in names))


def _secrets(file: Path) -> dict[str, str]:
    """Made once per directory, so that sign-ins and links outlive a restart."""
    if not file.exists():
        made = {
            "secret_key": secrets.token_urlsafe(48),
            "stripe_secret_key": f"sk_test_{secrets.token_hex(16)}",
            "stripe_webhook_secret": f"whsec_{secrets.token_hex(16)}",
        }
        _write_private(file, json.dumps(made))
    kept: dict[str, str] = json.loads(file.read_text())
    return kept


def _write_private(file: Path, content: str) -> None:
    with open(file, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
        opened.write(content)
