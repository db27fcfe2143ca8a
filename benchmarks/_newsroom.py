"""Seeded newsrooms of few and of many patrons, made once for all benchmarks of a run."""

import atexit
import os
from contextlib import ExitStack
from functools import cache

from benchmarks._surroundings import Surroundings, surroundings

FEW = 1_000
# BENCH_PATRONS asks for fewer where there is no time for a million.
MANY = int(os.environ.get("BENCH_PATRONS", "1000000"))
# Or a database that `flask seed` filled before, with the settings below: it is used and kept.
SEEDED = os.environ.get("BENCH_DATABASE", "")
MONTHS = 36
# Whom the seeded newsroom knows.
ADMIN = "staff@kava.example"
CURRENCIES = "EUR,USD,UAH,GBP,PLN"

_kept = ExitStack()
atexit.register(_kept.close)


@cache
def newsroom(patrons: int) -> Surroundings:
    """Servers of their own, and 36 months of so many givers; there until the process ends."""
    here = _kept.enter_context(surroundings(CURRENCIES=CURRENCIES))
    if patrons == MANY and SEEDED:
        return Surroundings(here.directory, here.env | {"DATABASE_URL": SEEDED})
    here.flask("seed", "--patrons", str(patrons), "--months", str(MONTHS))
    return here
