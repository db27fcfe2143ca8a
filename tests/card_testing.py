"""Letting a running system believe that cards are tested, and calming it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.system import System

CHECKOUT = (
    "INSERT INTO checkout"
    " (id, email, language, interval, amount_minor, currency, cover_fees, state)"
    " VALUES (gen_random_uuid(), 'tester@bots.example', 'en', 'once', 500, 'EUR', false,"
    " 'completed') RETURNING id"
)
DECLINES = (
    "INSERT INTO card_failure (stripe_id, checkout_id) SELECT 'ch_test_' || n, :checkout"
    " FROM generate_series(1, 20) n"
)


@contextmanager
def cards_are_tested(system: System) -> Iterator[None]:
    """Everyone is asked for a proof of work meanwhile."""
    system.rows(DECLINES, checkout=system.scalar(CHECKOUT))
    system.rows("INSERT INTO card_testing (started_at) VALUES (now())")
    try:
        yield
    finally:
        forget(system)


def forget(system: System) -> None:
    """As if nothing of it had happened."""
    for table in ("card_failure", "card_testing", "giving_attempt"):
        system.rows(f"DELETE FROM {table}")
