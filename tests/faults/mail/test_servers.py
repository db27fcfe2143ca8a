"""Redis forgets, hangs up or is gone, and PostgreSQL falls, while mail goes out."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests
from redis import Redis as Client

from sandbox import services
from tests.faults import mailroom
from tests.faults.mailroom import CHILDREN, Mailroom
from tests.faults.steps import Reader, form_of
from tests.system import wait_until

LETTERS = 600
STEP = 100


@pytest.fixture(scope="module")
def crowd(
    mail_postgres: services.Postgres,
    redis: services.Redis,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mailroom]:
    """Two workers and two beats at work in one room: too many of both, at all times."""
    directory = tmp_path_factory.mktemp("crowd")
    with mailroom.opened(mail_postgres, redis, directory) as room, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(room.worker())
            stack.enter_context(room.beat())
        yield room


def test_two_beats_and_two_workers(crowd: Mailroom) -> None:
    """[M9] [L22] Everybody is woken twice for everything, and each mail leaves once."""
    crowd.put(LETTERS, "crowd")
    crowd.put(LETTERS, "people", "sign_in_unknown")
    for name in ("crowd", "people"):
        crowd.wait_until_final(name)
        crowd.assert_each_once(name)
        assert crowd.states(name) == {"sent": LETTERS}


def test_redis_is_flushed_again_and_again(crowd: Mailroom, redis: services.Redis) -> None:
    """[M9] What Redis held were hints: beat alone gives new ones, nothing is lost or doubled."""
    with Client.from_url(redis.url) as client:
        for number in range(LETTERS // STEP):
            crowd.put(STEP, f"flushed{number}-")
            crowd.deliver()
            client.flushall()
            crowd.wait_for_more(STEP // 2)
            client.flushall()
    for number in range(LETTERS // STEP):
        crowd.wait_until_final(f"flushed{number}-")
        crowd.assert_each_once(f"flushed{number}-")
        assert crowd.states(f"flushed{number}-") == {"sent": STEP}


def test_redis_hangs_up_again_and_again(crowd: Mailroom, redis: services.Redis) -> None:
    """[M9] Workers and beats connect anew; whatever they had in hand is finished once."""
    with Client.from_url(redis.url) as client:
        for number in range(LETTERS // STEP):
            crowd.put(STEP, f"cut{number}-")
            crowd.wait_for_more(STEP // 2)
            for kind in ("normal", "pubsub"):
                client.client_kill_filter(_type=kind, skipme=True)
    for number in range(LETTERS // STEP):
        crowd.wait_until_final(f"cut{number}-")
        crowd.assert_each_once(f"cut{number}-")
        assert crowd.states(f"cut{number}-") == {"sent": STEP}


def test_redis_is_gone_for_a_while(crowd: Mailroom, redis: services.Redis) -> None:
    """[M1] [M9] Pages answer, mail is written down, and beat alone has it sent on its return."""
    asked = "SELECT count(*) FROM outbox_email WHERE recipient = :address AND state = :state"
    with crowd.extra_web() as web, Reader(crowd, "hintless@readers.example") as reader:
        reader.web = web.url
        redis.stop()
        for path in ("/", "/support", "/topics", "/sign-in", "/healthz"):
            assert requests.get(web.url + path, timeout=30).status_code == 200, path
        fields = form_of(reader.get("/sign-in"), "/sign-in") | {"email": reader.email}
        assert reader.post("/sign-in", fields).status_code == 303
        crowd.put(LETTERS, "hintless-")
        assert crowd.scalar(asked, address=reader.email, state="pending") == 1
        redis.start()
        crowd.wait_until_final("hintless-")
        crowd.assert_each_once("hintless-")
        assert crowd.states("hintless-") == {"sent": LETTERS}
        wait_until(
            lambda: crowd.scalar(asked, address=reader.email, state="sent") == 1,
            "the mail that the reader asked for",
        )
        assert len(crowd.mails(reader.email)) == 1


def test_postgres_falls(room: Mailroom, mail_postgres: services.Postgres) -> None:
    """[M2] What was in hand is in doubt; the same workers go on with the rest by themselves."""
    # Enough for the rest, though each worker had a batch in hand.
    letters = 2 * LETTERS
    room.put(letters, "fallen")
    room.deliver()
    with room.worker() as worker, room.beat() as beat:
        room.wait_for_more(LETTERS // 3)
        mail_postgres.kill()
        mail_postgres.start()
        room.wait_for_more(LETTERS // 3)
        waiting = (
            "SELECT count(*) FROM outbox_email WHERE next_attempt_at <= now()"
            " AND state IN ('pending', 'sending')"
        )
        wait_until(lambda: room.scalar(waiting) == 0, "the end of what is due")
        beat.kill()
        worker.finish()
    room.let_leases_run_out()
    room.deliver()
    with room.worker():
        room.wait_until_final("fallen")
    room.assert_each_once("fallen")
    states = room.states("fallen")
    assert states.keys() <= {"sent", "uncertain"}
    assert states.total() == letters
    assert states["uncertain"] <= CHILDREN
