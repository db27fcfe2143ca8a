"""How fast a round of a million ballots is counted, from its rows to winners and digest.

The limit is the bare GROUP BY over the same rows, fetched by the driver: what is counted cannot be
read faster. Each time in a fresh process, whose memory is nobody else's; the clock starts when it
is connected. Approval must also stay under MOST_MB and, at its best, under MOST_SECONDS;
instant-runoff and smaller rounds are printed, and so is the settling of each: voiding, counting,
writing who took part and cutting the links, until it is committed.
"""

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import accumulate, combinations, permutations
from typing import Any

import psycopg

from benchmarks._electorate import Vote, plant_patrons, plant_round
from benchmarks._surroundings import ROOT, Surroundings, surroundings

GOAL = 0.8
UNIT = "ballots/s"
SIZES = (10_000, 100_000, 1_000_000)
MOST_SECONDS, MOST_MB = 3, 300
PAIRS = 5
METHODS = {"approval": combinations, "instant_runoff": permutations}
MOST_CHOICES = {"approval": 3, "instant_runoff": 6}
BARE = "SELECT choices, count(*) FROM ballot WHERE round_id = %s AND voided_at IS NULL GROUP BY 1"


def rounds() -> Iterator[tuple[float, float]]:
    with surroundings() as here:
        planted = plant(here)
        for (method, size), round_id in planted.items():
            print(f"{method}, {size:,} ballots: {in_words(child(here, 'ours', round_id, size))}")
        largest = SIZES[-1]
        seconds = []
        for _ in range(PAIRS):
            ours = child(here, "ours", planted["approval", largest], largest)
            bare = child(here, "bare", planted["approval", largest], largest)
            assert ours["peak_mb"] < MOST_MB, ours
            seconds.append(ours["seconds"])
            yield largest / ours["seconds"], largest / bare["seconds"]
        assert min(seconds) < MOST_SECONDS, seconds
        # Last: what has been settled has nothing to count any more.
        for (method, size), round_id in planted.items():
            said = child(here, "settled", round_id, size)
            print(f"{method}, {size:,} ballots settled in {said['seconds']:.1f} s")


def in_words(said: dict[str, Any]) -> str:
    return f"{said['seconds']:.2f} s, peak memory {said['peak_mb']:.0f} MB, {said['groups']} groups"


def child(here: Surroundings, what: str, round_id: int, size: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.tally", what, str(round_id)],
        env=here.env, cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert said["ballots"] == size, said
    return said


def plant(here: Surroundings) -> dict[tuple[str, int], int]:
    """A closed round for each method and size; some topics are wanted more than others."""
    planted = {}
    with psycopg.connect(here.env["DATABASE_URL"].replace("+psycopg", "")) as connection:
        plant_patrons(connection, SIZES[-1])
        for method in METHODS:
            for size in SIZES:
                vote = plant_round(connection)
                planted[method, size] = vote.round_id
                connection.execute(
                    "UPDATE round SET state = 'closed', method = %s, max_choices = %s"
                    " WHERE id = %s",
                    [method, MOST_CHOICES[method], vote.round_id],
                )
                plant_ballots(connection, vote, method, size)
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
    return planted


def plant_ballots(connection: psycopg.Connection, vote: Vote, method: str, size: int) -> None:
    chance = random.Random(size)
    possible = [
        "{" + ",".join(map(str, choices)) + "}"
        for most in range(1, MOST_CHOICES[method] + 1)
        for choices in METHODS[method](vote.topics, most)
    ]
    chance.shuffle(possible)
    weights = list(accumulate(1 / place for place in range(1, len(possible) + 1)))
    cast = chance.choices(possible, cum_weights=weights, k=size)
    columns = "round_id, account_id, choices, cast_at"
    with connection.cursor().copy(f"COPY ballot ({columns}) FROM STDIN") as copy:
        for account_id, choices in enumerate(cast, 1):
            copy.write(f"{vote.round_id}\t{account_id}\t{choices}\t2026-03-02 12:00Z\n")


# In the child


def ours(url: str, round_id: int) -> tuple[float, dict[Any, int]]:
    from membership import db
    from membership.voting import settling, tally
    from membership.voting.models import Round

    db.connect(url)
    with db.transaction() as session:
        session.connection()
        began = time.monotonic()
        contest = settling.contest_of(session, session.get_one(Round, round_id))
        result = tally.count(contest)
        seconds = time.monotonic() - began
    assert result.winners
    assert result.digest
    return seconds, dict(contest.ballots)


def settled(url: str, round_id: int) -> tuple[float, dict[Any, int]]:
    from sqlalchemy import update

    from membership import db
    from membership.voting import rounds, settling
    from membership.voting.models import Round

    db.connect(url)
    with db.transaction() as session:
        # Ballots are planted for this day.
        planted_for = {"opens_at": "2026-03-01 12:00Z", "closes_at": "2026-03-03 12:00Z"}
        session.execute(update(Round).where(Round.id == round_id).values(planted_for))
    began = time.monotonic()
    with db.transaction() as session:
        assert rounds.advance(session, round_id) == "settled"
    seconds = time.monotonic() - began
    with db.transaction() as session:
        contest = settling.contest_of(session, session.get_one(Round, round_id))
    return seconds, dict(contest.ballots)


def bare(url: str, round_id: int) -> tuple[float, dict[Any, int]]:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        began = time.monotonic()
        rows = connection.execute(BARE, [round_id]).fetchall()
        seconds = time.monotonic() - began
    return seconds, {tuple(choices): number for choices, number in rows}


def main(what: str, round_id: str) -> None:
    counting = {"ours": ours, "bare": bare, "settled": settled}[what]
    seconds, ballots = counting(os.environ["DATABASE_URL"], int(round_id))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    said = {
        "ballots": sum(ballots.values()),
        "groups": len(ballots),
        "seconds": seconds,
        "peak_mb": peak_mb,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
