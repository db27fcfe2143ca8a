"""`make demo` says where everything is, and leaves nothing behind."""

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from config.settings import Settings
from sandbox.demo.surroundings import Ports, claimed, environment, write_info, write_settings
from sandbox.demo.system import System
from sandbox.services import StartError, start_postgres, start_redis
from tests.sandbox_runtime.leftovers import left_behind

PORTS = Ports(web=8000, stripe=8001, inbox=8002, smtp=8003)
NEWEST_PAYMENT = """
    SELECT stripe_payment_intent_id FROM donation
     WHERE refunded_minor = 0 AND id NOT IN (SELECT donation_id FROM dispute)
     ORDER BY paid_at DESC, id DESC LIMIT 1
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: each start but the first finds a database that is there."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture
def system(directory: Path) -> Iterator[System]:
    with System(directory, patrons=0) as running:
        yield running
    assert left_behind(directory) == []


def newest_payment(system: System) -> dict[str, Any]:
    """The payment intent of the newest invented donation that is whole, as the stand-in has it."""
    with psycopg.connect(system.info["database_url"].replace("+psycopg", "")) as connection:
        (payment,) = connection.execute(NEWEST_PAYMENT).fetchone() or ("none",)
    key = Settings(_env_file=system.directory / "demo.env").stripe_secret_key
    url = f"{system.info['stripe']}/v1/payment_intents/{payment}"
    found: dict[str, Any] = requests.get(url, auth=(key, ""), timeout=30).json()
    return found


def test_it_says_where_everything_is_and_stops_without_a_trace(system: System) -> None:
    assert set(system.info) == {
        "web", "stripe", "inbox", "database_url", "redis_url", "pids", "staff", "patron",
    }  # fmt: skip
    for name in ("web", "worker", "beat"):
        os.kill(system.info["pids"][name], 0)
    said = system.output.read_text()
    for address in (system.info["web"], system.info["stripe"], system.info["inbox"]):
        assert address in said
    assert "4242 4242 4242 4242" in said
    assert system.mail.messages() is not None
    assert system.stop() == 0
    assert left_behind(system.directory) == []
    assert not (system.directory / "demo.json").exists()


def test_when_the_worker_dies_all_stop_with_a_clear_line(system: System) -> None:
    os.kill(system.info["pids"]["worker"], signal.SIGKILL)
    assert system.wait() == 1
    assert "worker ended with status -9" in system.output.read_text()
    assert not (system.directory / "demo.json").exists()


def test_when_the_database_dies_all_stop_with_a_clear_line(system: System) -> None:
    lock = system.directory / "postgres" / "data" / "postmaster.pid"
    os.kill(int(lock.read_text().splitlines()[0]), signal.SIGKILL)
    assert system.wait() == 1
    assert "PostgreSQL ended" in system.output.read_text()


def test_when_the_demo_is_killed_nothing_stays_and_it_starts_again(
    system: System, directory: Path
) -> None:
    os.kill(system.pid, signal.SIGKILL)
    system.wait()
    assert left_behind(directory) == []
    with System(directory, patrons=0) as again:
        assert again.info["database_url"] != system.info["database_url"]
        with pytest.raises(StartError, match="A demo already runs in"), System(directory):
            pass
        assert (directory / "demo.json").exists()


def test_servers_that_are_given_are_used_and_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invented patrons are known to Stripe once, however often the demo starts over them."""
    with start_postgres(tmp_path / "theirs") as postgres, start_redis(tmp_path / "theirs") as redis:
        monkeypatch.setenv("DATABASE_URL", postgres.url)
        monkeypatch.setenv("REDIS_URL", redis.url)
        for begins in (True, False):
            with System(tmp_path / "ours", patrons=20) as system:
                assert system.info["database_url"] == postgres.url
                assert system.info["redis_url"] == redis.url
                said = system.output.read_text()
                assert newest_payment(system)["status"] == "succeeded"
                made = requests.get(f"{system.info['stripe']}/sandbox/state", timeout=30).json()
            assert ("Telling the Stripe stand-in" in said) is begins
            assert not (tmp_path / "ours" / "postgres").exists()
            assert redis.answers()
            with psycopg.connect(postgres.url.replace("+psycopg", "")) as connection:
                rows = "SELECT count(*) FROM subscription WHERE state <> 'ended'"
                (running,) = connection.execute(rows).fetchone() or (0,)
                told = connection.execute("SELECT id FROM stripe_event").fetchall()
            assert made["subscription"] == running > 10
            assert told == []


def test_a_directory_is_used_by_one_demo_at_a_time(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(StartError, match="already runs"), claimed(tmp_path):
        pass
    with claimed(tmp_path):
        pass


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first = environment(tmp_path, PORTS, "postgresql://here/kava", "redis://here")
    again = environment(tmp_path, PORTS, "postgresql://here/kava", "redis://here")
    assert first["SECRET_KEY"] == again["SECRET_KEY"]
    assert len(first["SECRET_KEY"]) >= 32
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_demo_json_is_whole_and_private(tmp_path: Path) -> None:
    env = environment(tmp_path, PORTS, "postgresql://here/kava", "redis://here")
    file = tmp_path / "demo.json"
    write_info(file, PORTS, env, {"web": 1, "worker": 2, "beat": 3, "inbox": 4})
    assert json.loads(file.read_text()) == {
        "web": "http://127.0.0.1:8000",
        "stripe": "http://127.0.0.1:8001",
        "inbox": "http://127.0.0.1:8002",
        "database_url": "postgresql://here/kava",
        "redis_url": "redis://here",
        "pids": {"web": 1, "worker": 2, "beat": 3},
        "staff": {"email": "staff@kava.example", "totp_secret": None},
        "patron": {"email": "patron@kava.example"},
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_demo_env_is_all_that_a_command_needs(tmp_path: Path) -> None:
    env = environment(tmp_path, PORTS, "postgresql://here/kava", "redis://here")
    file = tmp_path / "demo.env"
    write_settings(file, env)
    read = Settings(_env_file=file)
    assert read.mail_from == "The Courier <post@kava.example>"
    assert read.stripe_api_base == "http://127.0.0.1:8001"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
