"""Redis forgets everything or is gone; PostgreSQL is gone for a while."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests
import sqlalchemy as sa
from redis import Redis as Client

from sandbox import services
from tests.faults.electorate import (
    a_round,
    choices_of,
    close,
    steps_of,
    tally_of,
    told,
    vote,
    voters,
)
from tests.faults.steps import (
    Reader,
    assert_one_gift,
    donations,
    events_of,
    form_of,
    let_leases_run_out,
    locked,
    mails_about,
    redeliver,
    settle,
    subscriptions,
    unfinished,
    wait_for_gift,
    waits_for_lock,
)
from tests.system import System, running, wait_until

# Beat wakes every task once a minute.
BY_BEAT = 120.0


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Postgres]:
    with services.start_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="module")
def system(
    redis: services.Redis, postgres: services.Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    directory = tmp_path_factory.mktemp("away")
    with running(directory, DATABASE_URL=postgres.url, REDIS_URL=redis.url) as system:
        yield system


def status(system: System, path: str) -> int:
    return requests.get(system.web + path, timeout=30).status_code


def test_redis_forgets_everything(system: System, redis: services.Redis) -> None:
    """[M9] A lost hint is only late (architecture, rule 1), and the next one is heard."""
    with (
        Reader(system, "flushed@reader.example") as first,
        Reader(system, "afterwards@reader.example") as second,
    ):
        with system.stopped("worker"):
            first.give()
            wait_until(lambda: unfinished(system), "a stored event")
            with Client.from_url(redis.url) as client:
                client.flushall()
        second.give()
        wait_for_gift(system, second.email, 40)
        wait_for_gift(system, first.email, BY_BEAT)
        settle(system)
        assert_one_gift(system, first.email)
        assert_one_gift(system, second.email)


def test_redis_is_away(system: System, redis: services.Redis) -> None:
    """[M9] Readers notice nothing; what they did is done within two minutes of its return."""
    with Reader(system, "hintless@reader.example") as reader:
        redis.stop()
        for path in ("/", "/support", "/topics", "/sign-in", "/healthz"):
            assert status(system, path) == 200, path
        assert status(system, "/readyz") == 503
        reader.give()
        fields = form_of(reader.get("/sign-in"), "/sign-in") | {"email": reader.email}
        assert reader.post("/sign-in", fields).status_code == 303
        wait_until(lambda: unfinished(system), "a stored event")
        assert subscriptions(system, reader.email) == []
        redis.start()

        def states() -> list[str]:
            return [state for _, state in mails_about(system, reader.email)]

        # The welcome, the receipt, and the answer to who wanted to sign in before there was a gift.
        wait_until(lambda: states() == ["sent"] * 3, lambda: f"mails ({states()})", BY_BEAT)
        settle(system)
        assert len(donations(system, reader.email)) == len(subscriptions(system, reader.email)) == 1
        assert status(system, "/readyz") == 200


def test_postgres_is_away(system: System, postgres: services.Postgres) -> None:
    """[B2] Plain 503s and a webhook that is not taken; all is well when it is back."""
    with Reader(system, "nodatabase@reader.example") as reader:
        page = reader.checkout()
        postgres.stop()
        for path in ("/topics", "/search?q=bridge", "/rounds/1", "/sign-in/some-token"):
            answer = reader.get(path)
            assert answer.status_code == 503, path
            assert "Traceback" not in answer.text
            assert "psycopg" not in answer.text
            assert "<h1" in answer.text
        assert status(system, "/healthz") == 200
        assert status(system, "/readyz") == 503
        assert reader.pay(page).status_code == 303

        def refused() -> set[int]:
            log = requests.get(f"{system.stripe}/sandbox/deliveries", timeout=30).json()
            return {each["status"] for each in log["deliveries"]}

        wait_until(lambda: 500 in refused(), "a webhook that was not taken")
        assert refused() <= {200, 500}
        postgres.start()
        assert reader.get("/topics").status_code == 200
        assert status(system, "/readyz") == 200
        wait_for_gift(system, reader.email, BY_BEAT)
        settle(system)
        assert_one_gift(system, reader.email)


def test_postgres_crashes_while_a_worker_writes(
    system: System, postgres: services.Postgres
) -> None:
    """[B3] What was not committed is done again."""
    with Reader(system, "crash@reader.example") as reader:
        page = reader.checkout()

        def crash() -> None:
            with locked(system, "ledger_entry"):
                assert reader.pay(page).status_code == 303
                wait_until(lambda: waits_for_lock(system), "a worker in the middle of its work")
                postgres.kill()

        with pytest.raises(sa.exc.OperationalError):
            crash()
        assert not postgres.runs
        postgres.start()
        let_leases_run_out(system)
        wait_for_gift(system, reader.email, BY_BEAT)
        settle(system)
        assert_one_gift(system, reader.email)


def test_postgres_stops_while_a_webhook_comes(system: System, postgres: services.Postgres) -> None:
    """[B2] 500 unless it was stored; sent again by Stripe, it counts once."""
    system.sandbox("faults", webhooks="drop")
    with Reader(system, "midwebhook@reader.example") as reader:
        reader.give()
        events = events_of(system, reader.email)
        system.sandbox("faults", webhooks="ok")
        with ThreadPoolExecutor(len(events)) as pool:

            def stop() -> None:
                with locked(system, "stripe_event"):
                    sent = [pool.submit(redeliver, system, event) for event in events]
                    wait_until(lambda: waits_for_lock(system), "a webhook that is being stored")
                    postgres.stop()
                    answers.extend(sent)

            answers: list[Future[int]] = []
            with pytest.raises(sa.exc.OperationalError):
                stop()
            said = [each.result() for each in answers]
        postgres.start()
        # Whoever's turn came when the lock fell with its holder may have been stored still.
        assert 500 in said
        stored = {row["id"] for row in system.rows("SELECT id FROM stripe_event")}
        taken = {each["id"] for each, status in zip(events, said, strict=True) if status == 200}
        assert set(said) <= {200, 500}
        assert taken <= stored
        for event in events * 2:
            system.sandbox("webhooks/resend", event=event["id"])
        wait_for_gift(system, reader.email, BY_BEAT)
        settle(system)
        assert_one_gift(system, reader.email)


# What a worker writes while it opens a round and while it settles one; and while it tells of it.
ROUND_STEPS = [("topic_change", "turnout"), ("outbox_email", "outbox_email")]


@pytest.mark.parametrize(("opening", "closing"), ROUND_STEPS)
@pytest.mark.parametrize("server", ["redis", "postgres"])
def test_a_server_is_lost_while_a_round_opens_closes_or_is_told_of(
    system: System,
    redis: services.Redis,
    postgres: services.Postgres,
    server: str,
    opening: str,
    closing: str,
) -> None:
    """[V11] [L21] Nothing is lost and nothing comes twice: the rows say what is left to do."""

    def flush(table: str, act: Callable[[], None]) -> None:
        with locked(system, table), Client.from_url(redis.url) as client:
            act()
            wait_until(lambda: waits_for_lock(system), "a worker in the middle of its work")
            client.flushall()

    def kill(table: str, act: Callable[[], None]) -> None:
        with locked(system, table):
            act()
            wait_until(lambda: waits_for_lock(system), "a worker in the middle of its work")
            postgres.kill()

    def crash(table: str, act: Callable[[], None]) -> None:
        with pytest.raises(sa.exc.OperationalError):
            kill(table, act)
        postgres.start()

    lose = {"redis": flush, "postgres": crash}[server]
    name = f"{server}-{opening}"
    with ExitStack() as stack:
        readers = voters(system, stack, name, 3)
        everyone = sorted(reader.email for reader in readers)
        round_id = a_round(system, f"Lost {name}", "1 hour", state="draft", closes="2 hours")
        opens = "UPDATE round SET opens_at = clock_timestamp() - interval '1 hour' WHERE id = :id"
        lose(opening, lambda: system.rows(opens, id=round_id))
        wait_until(lambda: told(system, round_id, "round_opened"), "the opening's mails", BY_BEAT)
        first, second, third = choices_of(system, round_id)
        for reader, wish in zip(readers, [[first], [second, first], [third]], strict=True):
            assert vote(reader, round_id, wish) == 303
        lose(closing, lambda: close(system, round_id))
        wait_until(lambda: told(system, round_id, "round_result"), "the result's mails", BY_BEAT)
        assert told(system, round_id, "round_opened") == everyone
        assert told(system, round_id, "round_result") == everyone
        assert steps_of(system, round_id) == ["round.open", "round.closed", "round.settled"]
        votes = tally_of(system, round_id)["result"]["votes"]
        assert votes == {str(first): 2, str(second): 1, str(third): 1}
