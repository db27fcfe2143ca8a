"""How many subscriptions a second the nightly comparison gets through, and in how much memory.

The limit is bare paging: the official client's plain requests for the same pages, parsed, and one
SELECT of the same rows a page. The last pair is over 100,000 subscriptions, for which the
comparison must need no more memory than for 10,000.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import psycopg
import requests

from benchmarks._surroundings import ROOT, Surroundings, standin, surroundings
from sandbox.stripe.billing_cycle import add_periods

GOAL = 0.5
UNIT = "subscriptions/s"
FEW, MANY = 10_000, 100_000
SMALL_PAIRS = 3
PAGE = 100
BARE_PAGES = 200
# What a larger heap may have by chance.
SLACK_MB = 8
EXPANDED = ["data.default_payment_method", "data.customer.invoice_settings.default_payment_method"]
SELECT = (
    "SELECT s.*, (SELECT coalesce(sum(amount_minor), 0) FROM ledger_entry l"
    " WHERE l.subscription_id = s.id) FROM subscription s WHERE stripe_subscription_id = ANY(%s)"
)


def rounds() -> Iterator[tuple[float, float]]:
    with surroundings() as here, standin(here) as stripe:
        plant(here, stripe, range(FEW))
        for _ in range(SMALL_PAIRS):
            few = child(here, "ours")
            yield rate(few, FEW), rate(child(here, "bare"), FEW)
        plant(here, stripe, range(FEW, MANY))
        many = child(here, "ours")
        growth = many["peak_mb"] - few["peak_mb"]
        print(
            f"{MANY:,} subscriptions in {many['seconds']:.0f} s; peak memory {many['peak_mb']:.0f} "
            f"MB, {growth:+.1f} MB against {FEW:,}"
        )
        assert growth < SLACK_MB, "memory grows with the number of subscriptions"
        yield rate(many, MANY), rate(child(here, "bare"), BARE_PAGES * PAGE)


def rate(said: dict[str, Any], count: int) -> float:
    """Subscriptions a second; all must have been seen, and none have differed."""
    assert (said["count"], said["differences"]) == (count, 0), said
    return count / float(said["seconds"])


def child(here: Surroundings, what: str) -> dict[str, Any]:
    """Measured in a process of its own, whose memory is nobody else's."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.nightly_comparison", what],
        env=here.env, cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def plant(here: Surroundings, stripe: str, numbers: range) -> None:
    """Subscriptions that began a minute apart, on both sides, the oldest first."""
    for first in range(numbers.start, numbers.stop, FEW):
        wanted = [planting(number) for number in range(first, first + FEW)]
        answer = requests.post(
            f"{stripe}/sandbox/plant", json={"subscriptions": wanted}, timeout=120
        )
        assert answer.ok, answer.text
        with psycopg.connect(here.env["DATABASE_URL"].replace("+psycopg", "")) as connection:
            for table, columns in ROWS.items():
                write(connection, table, columns, wanted)


NOW = int(time.time())
DAY = 86_400


def planting(number: int) -> dict[str, Any]:
    began = NOW - DAY - 60 * (MANY - number)
    periods = 1
    while (ends := add_periods(began, "month", periods)) <= NOW + DAY:
        periods += 1
    return {
        "id": f"sub_{number}",
        "customer": f"cus_{number}",
        "email": f"reader{number}@example.org",
        "name": None,
        "amount": 500,
        "currency": "eur",
        "interval": "month",
        "started_at": began,
        "current_period_end_at": ends,
        "status": "active",
        "cancel_at_period_end": False,
        "paused": False,
        "metadata": {"checkout": str(UUID(int=number + 1))},
    }


ROWS = {
    "account": "id, email, language",
    "checkout": "id, account_id, email, language, interval, amount_minor, currency, cover_fees,"
    " state",
    "subscription": "id, account_id, checkout_id, stripe_subscription_id, stripe_customer_id,"
    " state, interval, amount_minor, currency, started_at, anchor_at, current_period_end_at,"
    " card_brand, card_last4, card_expires_on",
    "ledger_entry": "subscription_id, account_id, movement, amount_minor, currency, occurred_at",
}


def write(
    connection: psycopg.Connection[Any], table: str, columns: str, wanted: list[dict[str, Any]]
) -> None:
    with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for each in wanted:
            said = row(each)
            if table == "checkout":
                said |= {"id": said["checkout_id"], "state": "completed"}
            copy.write_row([said[name] for name in columns.replace(" ", "").split(",")])


def row(each: dict[str, Any]) -> dict[str, Any]:
    """Everything that any of the tables says of one patron."""
    number = int(each["id"].removeprefix("sub_")) + 1
    began = datetime.fromtimestamp(each["started_at"], UTC)
    return {
        "id": number,
        "account_id": number,
        "subscription_id": number,
        "checkout_id": each["metadata"]["checkout"],
        "email": each["email"],
        "language": "en",
        "interval": each["interval"],
        "amount_minor": each["amount"],
        "currency": each["currency"].upper(),
        "cover_fees": False,
        "movement": "new",
        "occurred_at": began,
        "started_at": began,
        "anchor_at": began,
        "current_period_end_at": datetime.fromtimestamp(each["current_period_end_at"], UTC),
        "stripe_subscription_id": each["id"],
        "stripe_customer_id": each["customer"],
        "state": "active",
        "card_brand": "visa",
        "card_last4": "4242",
        "card_expires_on": date(2034, 12, 31),
    }


# In the child


def ours() -> tuple[int, int]:
    from membership.billing.comparison import run
    from membership.billing.comparison.report import report
    from membership.db import transaction

    with transaction() as session:
        found = report(session, run.run_now())
    return found.run.subscriptions, len(found.differences)


def bare() -> tuple[int, int]:
    from config.settings import settings
    from membership.billing.gateway.client import stripe_client

    seen, params = 0, {"limit": PAGE, "expand": EXPANDED}
    with psycopg.connect(settings().database_url.replace("+psycopg", "")) as connection:
        for _ in range(BARE_PAGES):
            answer = stripe_client().raw_request("get", "/v1/subscriptions", **params)
            page: Any = answer.data
            ids = [each["id"] for each in page["data"]]
            rows = connection.execute(SELECT, [ids]).fetchall()
            connection.commit()
            seen += len(rows)
            if not page["has_more"]:
                break
            params["starting_after"] = ids[-1]
    return seen, 0


def main(what: str) -> None:
    from app import create_app

    with create_app().app_context():
        began = time.monotonic()
        count, differences = {"ours": ours, "bare": bare}[what]()
        seconds = time.monotonic() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    said = {"count": count, "differences": differences, "seconds": seconds, "peak_mb": peak_mb}
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1])
