"""Patrons and open rounds to vote in, planted by plain SQL."""

from dataclasses import dataclass

import psycopg

TOPICS = 6


@dataclass(frozen=True)
class Vote:
    """An open round and the topics that stand in it, by id."""

    round_id: int
    topics: tuple[int, ...]


def plant_patrons(connection: psycopg.Connection, number: int) -> None:
    """Accounts 1 to `number`, each with monthly support that was paid for."""
    connection.execute(
        "INSERT INTO account (id, email, language)"
        " SELECT n, 'reader' || n || '@example.org', 'en' FROM generate_series(1, %s) n",
        [number],
    )
    connection.execute("""
        INSERT INTO subscription (id, account_id, stripe_subscription_id, stripe_customer_id,
            state, interval, amount_minor, currency, started_at, current_period_end_at)
        SELECT id, id, 'sub_' || id, 'cus_' || id, 'active', 'month', 400, 'EUR', now(), now()
        FROM account""")
    connection.execute("""
        INSERT INTO donation (account_id, subscription_id, stripe_payment_intent_id,
            amount_minor, refunded_minor, currency, paid_at)
        SELECT id, id, 'pi_' || id, 400, 0, 'EUR', now() FROM account""")


def plant_round(connection: psycopg.Connection) -> Vote:
    """An open round with an hour to go, and topics of its own."""
    (round_id,) = connection.execute("""
        INSERT INTO round (title, state, method, max_choices, seats, quorum, tie_seed,
            opens_at, closes_at)
        VALUES ('What next?', 'open', 'approval', 3, 1, 1, '', now(), now() + interval '1 hour')
        RETURNING id""").fetchone() or (0,)
    topics = connection.execute(
        "INSERT INTO topic (slug, language, title, why, state)"
        " SELECT 'topic-' || %(round)s || '-' || n, 'en', 'A topic', 'Because.', 'on_ballot'"
        " FROM generate_series(1, %(topics)s) n RETURNING id",
        {"round": round_id, "topics": TOPICS},
    ).fetchall()
    connection.execute(
        "INSERT INTO round_option (round_id, topic_id) SELECT %s, unnest(%s::bigint[])",
        [round_id, [topic for (topic,) in topics]],
    )
    return Vote(round_id, tuple(topic for (topic,) in topics))
