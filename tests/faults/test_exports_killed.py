"""`kill -9` of a worker in the middle of a file."""

from tests.faults.mailroom import Mailroom
from tests.faults.steps import waits_for_lock
from tests.system import wait_until

# Some more than two steps take.
PATRONS = 4_500
STAFF = "finance@courier.example"
SEED = """
    INSERT INTO account (email, language, role)
    SELECT 'giver' || number || '@readers.example', 'en', NULL
    FROM generate_series(1, :patrons) AS number
    UNION ALL SELECT :staff, 'en', 'finance';
    INSERT INTO patron (account_id, standing, since_at, has_voted)
    SELECT id, 'once', now(), false FROM account WHERE role IS NULL
"""
ASK = """
    INSERT INTO export (kind, state, asked_by_id)
    SELECT 'patrons', 'running', id FROM account WHERE role = 'finance'
"""
# The second step waits here, until whoever holds this lock lets go of it.
HOLD_THE_SECOND = """
    CREATE FUNCTION hold_the_second() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.number = 1 THEN PERFORM pg_advisory_xact_lock(6); END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER hold_the_second BEFORE INSERT ON export_chunk
        FOR EACH ROW EXECUTE FUNCTION hold_the_second()
"""


def test_another_worker_goes_on_with_the_file(room: Mailroom) -> None:
    """[M9] What the dead one had kept is not made again: one file, each patron once, one mail."""
    for statement in SEED.split(";"):
        room.rows(statement, **({"patrons": PATRONS, "staff": STAFF} if ":" in statement else {}))
    room.rows(ASK)
    room.rows(HOLD_THE_SECOND)
    with room.engine.connect() as holder:
        holder.exec_driver_sql("SELECT pg_advisory_lock(6)")
        room.wake("exports.make")
        with room.worker(children=1):
            wait_until(lambda: waits_for_lock(room), "a worker in the middle of the second step")
        first = room.scalar("SELECT content FROM export_chunk WHERE number = 0")
        assert room.scalar("SELECT state FROM export") == "running"
        holder.exec_driver_sql("SELECT pg_advisory_unlock(6)")
    # As if the time had passed after which a worker is given up. Waits until PostgreSQL has seen
    # that nobody is there any more.
    room.rows("UPDATE export SET leased_until = now()")
    with room.worker(children=1):
        room.wake("exports.make", times=2)
        wait_until(lambda: room.scalar("SELECT state FROM export") == "ready", "a whole file")
        wait_until(lambda: room.mails(STAFF), "a mail")
    chunks = [
        row["content"] for row in room.rows("SELECT content FROM export_chunk ORDER BY number")
    ]
    assert chunks[0] == bytes(first)
    assert len(chunks) == 3
    lines = b"".join(chunks).decode("utf-8-sig").splitlines()[1:]
    told = [line.split(",")[1] for line in lines]
    assert len(told) == len(set(told)) == PATRONS
    assert room.scalar("SELECT rows FROM export") == PATRONS
    assert room.scalar("SELECT count(*) FROM outbox_email WHERE kind = 'export_ready'") == 1
    assert len(room.mails(STAFF)) == 1
