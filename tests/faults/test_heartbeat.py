"""Whether beat and the workers live, seen from outside (rule M10)."""

import requests

from tests.system import System, wait_until


def ages(system: System) -> dict[str, float | None]:
    answer = requests.get(f"{system.web}/readyz", timeout=10)
    assert answer.status_code == 200, answer.text
    found: dict[str, float | None] = answer.json()["heartbeat_seconds"]
    return found


def test_the_heart_beats_while_a_worker_lives_and_not_otherwise(system: System) -> None:
    """[M10] From PostgreSQL through Redis to a worker and back; a dead worker's age only grows."""
    system.wake("reports.beat_heart")
    wait_until(lambda: None not in ages(system).values(), "a first heartbeat")
    with system.stopped("worker"):
        system.rows("UPDATE heartbeat SET at = at - interval '1 hour'")
        system.wake("reports.beat_heart")
        assert min(age or 0 for age in ages(system).values()) >= 3600
    wait_until(lambda: max(age or 0 for age in ages(system).values()) < 3600, "a new heartbeat")
