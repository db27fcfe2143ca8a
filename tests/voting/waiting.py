"""Waiting for what another thread is about to do in the database."""

import time

from sqlalchemy import text

from membership.db import statements


def wait_for_a_lock(transactions: int = 1) -> None:
    """Return when so many wait for a lock of another; a minute is never needed."""
    waiting = text(
        "SELECT count(*), pg_sleep(0.005) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    end = time.monotonic() + 60
    while True:
        with statements() as session:
            if session.execute(waiting).scalar_one() >= transactions:
                return
        assert time.monotonic() < end, "nobody waits"
