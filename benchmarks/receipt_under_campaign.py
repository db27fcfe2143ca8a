"""How soon a receipt leaves while a campaign to 100,000 does: what a person waits for overtakes.

From the moment at which a signed event about a donation is posted to a web process until the mail
server takes the receipt: stored, followed by asking the Stripe stand-in, written down with its
mail, sent by one of the workers that are busy with the campaign. As many workers as in
docker-compose.yml.

The value is how many receipts leave in a minute if each is asked for when the one before has left,
so 60 divided by the seconds that one takes. The limit is no measurement: it is the 30 of which
each takes the two seconds that we allow.
"""

import json
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import psycopg
import requests
from stripe import WebhookSignature

from benchmarks._giving import give
from benchmarks._mailroom import peer, workers, write_to_all
from benchmarks._surroundings import application, serving, standin, surroundings

GOAL = 1.0
UNIT = "receipts/min"
ALLOWED_SECONDS = 2.0
CAMPAIGN = 100_000
RECEIPTS = 20
WORKERS = 4
# Between two donations, so that they meet the workers at different moments of their rounds.
GAPS = (0.3, 0.47, 0.61)
LONGEST_SECONDS = 120.0
# As the worker noted it when the mail server had answered.
TAKEN_AT = """
    SELECT sent_at FROM outbox_email JOIN donation ON subject = 'donation:' || donation.id
    WHERE kind = 'receipt' AND state = 'sent' AND stripe_invoice_id = %s
"""
CAMPAIGN_SO_FAR = """
    SELECT count(settled_at), count(*) - count(settled_at) FROM outbox_email
    WHERE kind = 'published'
"""

Connection = psycopg.Connection[tuple[Any, ...]]


def rounds() -> Iterator[tuple[float, float]]:
    with (
        peer() as smtp_url,
        surroundings(SMTP_URL=smtp_url) as here,
        standin(here) as stripe,
        serving("app:create_app", here.env, factory=True) as web,
        workers(here, WORKERS) as ours,
    ):
        app = application(here)
        key, secret = here.env["STRIPE_SECRET_KEY"], here.env["STRIPE_WEBHOOK_SECRETS"]
        give(app, stripe, key, 1 + RECEIPTS)
        first, *events = paid_invoices(stripe, key)
        url = here.env["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            # All that is done once is done before.
            seconds_to_receipt(first, web, secret, connection)
            write_to_all(app, 1, CAMPAIGN)
            ours.wake("mail.deliver", times=2)
            taken = []
            for event, gap in zip(events, cycle(GAPS), strict=False):
                time.sleep(gap)
                taken.append(seconds_to_receipt(event, web, secret, connection))
                yield 60 / taken[-1], 60 / ALLOWED_SECONDS
            sent, waiting = connection.execute(CAMPAIGN_SO_FAR).fetchone() or (0, 0)
        app.extensions["kava.engine"].dispose()
    print(
        f"{len(taken)} receipts while {sent:,} of {CAMPAIGN:,} letters left: "
        f"median {statistics.median(taken):.2f} s, worst {max(taken):.2f} s"
    )
    assert sent, "the campaign had not begun"
    assert waiting, "the campaign was over too soon: it must be larger"


def paid_invoices(stripe: str, key: str) -> list[Any]:
    """The event that Stripe would post of each patron's first month."""
    asked = {"type": "invoice.paid", "limit": "100"}
    answer = requests.get(f"{stripe}/v1/events", asked, auth=(key, ""), timeout=30)
    found: list[Any] = answer.json()["data"]
    return found


def seconds_to_receipt(event: Any, web: str, secret: str, connection: Connection) -> float:
    """From posting `event` until the mail server has taken the receipt."""
    body = json.dumps(event)
    signature = WebhookSignature.generate_signature_header(body, secret, int(time.time()))
    posted = datetime.now(UTC)
    headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
    answer = requests.post(f"{web}/webhooks/stripe", body, headers=headers, timeout=30)
    assert answer.ok, answer.text
    deadline = time.monotonic() + LONGEST_SECONDS
    invoice = event["data"]["object"]["id"]
    while (taken := connection.execute(TAKEN_AT, (invoice,)).fetchone()) is None:
        assert time.monotonic() < deadline, f"no receipt within {LONGEST_SECONDS:.0f} s"
        time.sleep(0.02)
    seconds: float = (taken[0] - posted).total_seconds()
    return seconds
