"""One running system for the faults that leave it standing; modules that stop servers start theirs.

Each test gives with addresses of its own, so tests see nothing of one another.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import services
from tests.faults import mailroom
from tests.system import System, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.system)


@pytest.fixture(scope="session")
def shared_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("faults")) as system:
        yield system


@pytest.fixture
def system(shared_system: System) -> Iterator[System]:
    yield shared_system
    shared_system.sandbox("faults", webhooks="ok", api_error_rate=0, api_errors=[])
    shared_system.mail.misbehave()
    # What a failed test leaves behind must not fail the next one.
    shared_system.rows("UPDATE stripe_event SET state = 'failed' WHERE state = 'pending'")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Redis]:
    """For modules that stop it, or make it forget."""
    with services.start_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def mail_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Postgres]:
    with mailroom.migrated(tmp_path_factory.mktemp("mail")) as postgres:
        yield postgres


@pytest.fixture
def room(mail_postgres: services.Postgres, tmp_path: Path) -> Iterator[mailroom.Mailroom]:
    """Mail alone: a database, a Redis and an inbox of the test's own, and no process yet."""
    with (
        services.start_redis(tmp_path / "redis") as redis,
        mailroom.opened(mail_postgres, redis, tmp_path) as room,
    ):
        yield room
