"""Making the invented patrons known to the Stripe stand-in, whose checkout they never saw."""

from __future__ import annotations

from typing import Any

import psycopg
import requests
from psycopg.rows import dict_row

from sandbox.services import StartError

ANSWER_SECONDS = 120
# In the words of the stand-in; what has run out by its clock cannot go on.
RUNNING = """
    SELECT s.stripe_subscription_id AS id, s.stripe_customer_id AS customer,
           a.email::text AS email, a.name, s.amount_minor AS amount, lower(s.currency) AS currency,
           s.interval, extract(epoch FROM s.started_at)::bigint AS started_at,
           extract(epoch FROM s.current_period_end_at)::bigint AS current_period_end_at,
           CASE s.state WHEN 'past_due' THEN 'past_due' ELSE 'active' END AS status,
           s.state = 'cancel_scheduled' AS cancel_at_period_end, s.state = 'paused' AS paused,
           jsonb_build_object('checkout', s.checkout_id) AS metadata
      FROM subscription s JOIN account a ON a.id = s.account_id
     WHERE s.state IN ('active', 'past_due', 'cancel_scheduled', 'paused')
       AND s.current_period_end_at > to_timestamp(%s)
     ORDER BY s.id
"""


def plant(database_url: str, stripe_url: str) -> None:
    """Plant every running subscription of the database; StartError when the stand-in refuses."""
    with requests.Session() as stripe:
        stripe.trust_env = False
        now = stripe.get(f"{stripe_url}/sandbox/clock", timeout=ANSWER_SECONDS).json()["now"]
        answer = stripe.post(
            f"{stripe_url}/sandbox/plant",
            json={"subscriptions": _running(database_url, now)},
            timeout=ANSWER_SECONDS,
        )
    if not answer.ok:
        raise StartError(f"The Stripe stand-in takes no invented patrons: {answer.text}")


def _running(database_url: str, now: int) -> list[dict[str, Any]]:
    """Now is the stand-in's, in seconds since the epoch."""
    address = database_url.replace("+psycopg", "", 1)
    with psycopg.connect(address, row_factory=dict_row) as connection:
        return connection.execute(RUNNING, [now]).fetchall()
