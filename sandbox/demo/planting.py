"""Making the invented patrons known to the Stripe stand-in, whose checkout they never saw."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
import requests
from psycopg.rows import dict_row

from sandbox.services import StartError

ANSWER_SECONDS = 120
# The stand-in names invoices by itself.
FAILING = """
    SELECT s.stripe_subscription_id, d.id
      FROM dunning d JOIN subscription s ON s.id = d.subscription_id
     WHERE d.recovered_at IS NULL AND d.given_up_at IS NULL ORDER BY d.id
"""
NAME_INVOICE = "UPDATE dunning SET stripe_invoice_id = %s WHERE id = %s"
# In the words of the stand-in; what has run out by its clock cannot go on.
RUNNING = """
    SELECT s.stripe_subscription_id AS id, s.stripe_customer_id AS customer,
           a.email::text AS email, a.name, s.amount_minor AS amount, lower(s.currency) AS currency,
           s.interval, extract(epoch FROM s.started_at)::bigint AS started_at,
           extract(epoch FROM s.current_period_end_at)::bigint AS current_period_end_at,
           CASE s.state WHEN 'past_due' THEN 'past_due' ELSE 'active' END AS status,
           s.state = 'cancel_scheduled' AS cancel_at_period_end, s.state = 'paused' AS paused,
           jsonb_build_object('checkout', s.checkout_id) AS metadata,
           ARRAY[extract(year FROM s.card_expires_on)::int,
                 extract(month FROM s.card_expires_on)::int] AS card_expires
      FROM subscription s JOIN account a ON a.id = s.account_id
     WHERE s.state IN ('active', 'past_due', 'cancel_scheduled', 'paused')
       AND s.current_period_end_at > to_timestamp(%(now)s)
     ORDER BY s.id
"""
# The last two of each monthly gift and what came once since, of which all is left: staff can try to
# give it back. The stand-in keeps all it knows in one file; years of payments would make it slow.
PAID = """
    SELECT d.stripe_payment_intent_id AS id, d.amount_minor AS amount,
           lower(d.currency) AS currency, d.fee_minor AS fee,
           extract(epoch FROM d.paid_at)::bigint AS paid_at,
           CASE WHEN d.subscription_id IS NULL THEN jsonb_build_object('checkout', d.checkout_id)
                ELSE '{}'::jsonb END AS metadata
      FROM donation d
     WHERE d.stripe_payment_intent_id IS NOT NULL AND d.refunded_minor = 0
       AND d.paid_at BETWEEN to_timestamp(%(now)s) - interval '62 days' AND to_timestamp(%(now)s)
       AND NOT EXISTS (SELECT 1 FROM dispute WHERE dispute.donation_id = d.id)
     ORDER BY d.paid_at, d.id
"""


def plant(database_url: str, stripe_url: str, key: str) -> None:
    """Plant every running subscription of the database and its latest payments, and note how the
    stand-in calls the invoices that fail. StartError when the stand-in refuses."""
    with requests.Session() as stripe:
        stripe.trust_env = False
        now = stripe.get(f"{stripe_url}/sandbox/clock", timeout=ANSWER_SECONDS).json()["now"]
        answer = stripe.post(
            f"{stripe_url}/sandbox/plant",
            json={
                "subscriptions": _found(database_url, RUNNING, now),
                "payments": _found(database_url, PAID, now),
            },
            timeout=ANSWER_SECONDS,
        )
        if not answer.ok:
            raise StartError(f"The Stripe stand-in takes no invented patrons: {answer.text}")
        stripe.auth = (key, "")
        _name_invoices(database_url, stripe_url, stripe)


def _name_invoices(database_url: str, stripe_url: str, stripe: requests.Session) -> None:
    with psycopg.connect(database_url.replace("+psycopg", "", 1)) as connection:
        for subscription, dunning in connection.execute(FAILING).fetchall():
            url = f"{stripe_url}/v1/subscriptions/{subscription}"
            answer = stripe.get(url, timeout=ANSWER_SECONDS)
            if answer.ok and (invoice := answer.json()["latest_invoice"]):
                connection.execute(NAME_INVOICE, [invoice, dunning])


def _found(database_url: str, query: LiteralString, now: int) -> list[dict[str, Any]]:
    """Now is the stand-in's, in seconds since the epoch."""
    address = database_url.replace("+psycopg", "", 1)
    with psycopg.connect(address, row_factory=dict_row) as connection:
        return connection.execute(query, {"now": now}).fetchall()
