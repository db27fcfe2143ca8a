"""How many patrons a second the CSV of the list of patrons takes along, and in how much memory.

The limit is bare paging: the same rows and sums of what they gave, read by keyset and written by
the csv module. The last pair is over all patrons, for whom the export must need no more memory
than for ten thousand.
"""

import csv
import io
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psycopg

from benchmarks._newsroom import ADMIN, MANY, newsroom
from benchmarks._surroundings import ROOT, Surroundings

GOAL = 0.3
UNIT = "patrons/s"
FEW = 10_000
SMALL_PAIRS = 3
PAGE = 2_000
# What a larger heap may have by chance.
SLACK_MB = 12
LONGEST_SECONDS = 3_600.0
SELECT = """
    SELECT since_at, account_id, email, name, language, standing, state, interval,
        patron.amount_minor, patron.currency, given.said, given.last_at
    FROM patron JOIN account ON account.id = account_id
    CROSS JOIN LATERAL (
        SELECT string_agg(currency || ' ' || minor, ', ') AS said, max(last_at) AS last_at FROM (
            SELECT currency, sum(amount_minor - refunded_minor) AS minor, max(paid_at) AS last_at
            FROM donation WHERE donation.account_id = patron.account_id GROUP BY currency
        ) AS by_currency
    ) AS given
    WHERE (since_at, account_id) < (%s, %s)
    ORDER BY since_at DESC, account_id DESC LIMIT %s
"""


def rounds() -> Iterator[tuple[float, float]]:
    small, large = newsroom(FEW), newsroom(MANY)
    for _ in range(SMALL_PAIRS):
        few = child(small, "ours")
        yield rate(few), rate(child(small, "bare"))
    many = child(large, "ours")
    growth = many["peak_mb"] - few["peak_mb"]
    print(
        f"{many['rows']:,} patrons in {many['seconds']:.0f} s; peak memory {many['peak_mb']:.0f} "
        f"MB, {growth:+.1f} MB against {few['rows']:,}"
    )
    assert growth < SLACK_MB, "memory grows with the number of patrons"
    yield rate(many), rate(child(large, "bare"))


def rate(said: dict[str, Any]) -> float:
    return float(said["rows"] / said["seconds"])


def child(here: Surroundings, what: str) -> dict[str, Any]:
    """Measured in a process of its own, whose memory is nobody else's."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.csv_export", what],
        env=here.env, cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


# In the child


def ours() -> int:
    from sqlalchemy import select

    from membership.accounts.models import Account
    from membership.db import transaction
    from membership.exports import jobs
    from membership.exports.models import Export

    with transaction() as session:
        admin = session.scalars(select(Account).where(Account.email == ADMIN)).one()
        asked = jobs.ask(session, admin, "patrons")
    jobs.take_turns(LONGEST_SECONDS)
    with transaction() as session:
        made = session.get_one(Export, asked.id)
        assert made.state == "ready", made.state
        return made.rows


def bare() -> int:
    from config.settings import settings

    rows, written = 0, 0
    before: tuple[Any, ...] = ("infinity", 0)
    with psycopg.connect(settings().database_url.replace("+psycopg", "")) as connection:
        while found := connection.execute(SELECT, [*before, PAGE]).fetchall():
            text = io.StringIO()
            csv.writer(text).writerows(found)
            written += len(text.getvalue())
            rows += len(found)
            before = found[-1][:2]
    assert written
    return rows


def main(what: str) -> None:
    from app import create_app

    with create_app().app_context():
        began = time.monotonic()
        rows = {"ours": ours, "bare": bare}[what]()
        seconds = time.monotonic() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main(sys.argv[1])
