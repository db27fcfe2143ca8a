"""What a reader does, over HTTP alone, and what must be left of it."""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import requests
import sqlalchemy as sa
from lxml import html

from tests.system import System, wait_until

PAYS = "4242424242424242"
DECLINED = "4000000000000002"
FAILS_LATER = "4000000000000341"


def form_of(answer: requests.Response, action: str) -> dict[str, Any]:
    """The fields, as they stand, of the page's form that is sent to a path ending in `action`."""
    for form in html.fromstring(answer.text).forms:
        # Without an address of its own, a form goes to the page that it stands on.
        if form.method == "POST" and (form.action or answer.url).endswith(action):
            return dict(form.form_values())
    raise AssertionError(f"{answer.url} ({answer.status_code}) has no form for {action}")


class Reader:
    """A browser without JavaScript, and an address to receive mail at."""

    def __init__(self, system: System, email: str) -> None:
        self.system = system
        self.email = email
        # The address of the web server it asks; a test may have one of its own.
        self.web = system.web
        self.browser = requests.Session()
        self.browser.trust_env = False
        # Readers are many, so each has a network; the test plays the proxy that says so.
        digits = hashlib.sha256(email.encode()).digest()
        self.browser.headers["X-Forwarded-For"] = f"10.{digits[0]}.{digits[1]}.{digits[2]}"

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.browser.close()

    def get(self, path: str) -> requests.Response:
        return self.browser.get(self.web + path, timeout=60)

    def post(self, path: str, fields: Any) -> requests.Response:
        return self.browser.post(self.web + path, data=fields, timeout=60, allow_redirects=False)

    def wish(self, interval: str = "month", amount: str = "5", currency: str = "EUR") -> Any:
        """The support form, filled in."""
        fields = form_of(self.get(f"/support?currency={currency}"), "/support")
        return fields | {
            "interval": interval,
            f"preset_{interval}": "other",
            "amount": amount,
            "email": self.email,
        }

    def checkout(self, **wish: str) -> str:
        """Address of the hosted page on which to pay."""
        answer = self.post("/support", self.wish(**wish))
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def pay(self, page: str, card: str = PAYS) -> requests.Response:
        """Send the hosted page's card form; the answer is not followed."""
        fields = {
            "email": self.email,
            "cardNumber": card,
            "cardExpiry": "12 / 34",
            "cardCvc": "123",
            "billingName": "Olena Koval",
        }
        return self.browser.post(page, data=fields, timeout=60, allow_redirects=False)

    def give(self, card: str = PAYS, **wish: str) -> None:
        """The whole way to the page of thanks."""
        paid = self.pay(self.checkout(**wish), card)
        assert paid.status_code == 303, paid.text
        thanks = self.browser.get(paid.headers["Location"], timeout=60)
        assert thanks.status_code == 200
        assert "/support/thanks" in thanks.url

    def sign_in(self) -> None:
        before = len(self.system.mails(self.email))
        fields = form_of(self.get("/sign-in"), "/sign-in") | {"email": self.email}
        assert self.post("/sign-in", fields).status_code == 303

        def link() -> str:
            for mail in self.system.mails(self.email)[before:]:
                if found := re.search(r"https?://\S+(/sign-in/\S+)", mail["text"]):
                    return found.group(1)
            return ""

        path = wait_until(link, f"a sign-in link for {self.email}")
        assert self.post(path, form_of(self.get(path), path)).status_code == 303


# What is left


def subscriptions(system: System, email: str) -> list[dict[str, Any]]:
    return system.rows(
        "SELECT s.* FROM subscription s JOIN account a ON a.id = s.account_id"
        " WHERE a.email = :email ORDER BY s.id",
        email=email,
    )


def donations(system: System, email: str) -> list[dict[str, Any]]:
    return system.rows(
        "SELECT d.* FROM donation d JOIN account a ON a.id = d.account_id"
        " WHERE a.email = :email ORDER BY d.id",
        email=email,
    )


def ledger(system: System, email: str) -> list[tuple[str, int]]:
    """Movements and signed amounts, in order."""
    rows = system.rows(
        "SELECT l.movement, l.amount_minor FROM ledger_entry l"
        " JOIN subscription s ON s.id = l.subscription_id JOIN account a ON a.id = s.account_id"
        " WHERE a.email = :email ORDER BY l.id",
        email=email,
    )
    return [(row["movement"], row["amount_minor"]) for row in rows]


def mails_about(system: System, email: str) -> list[tuple[str, str]]:
    """Kind and state of every mail that is or was due to an address alone: no news, as below."""
    rows = system.rows(
        "SELECT kind, state FROM outbox_email WHERE recipient = :email AND NOT is_bulk"
        " ORDER BY kind",
        email=email,
    )
    return [(row["kind"], row["state"]) for row in rows]


def personal_mails(system: System, email: str) -> list[dict[str, Any]]:
    """What has arrived for an address alone, oldest first.

    News of a vote or of a month may come to any patron at any time.
    """
    return [mail for mail in system.mails(email) if "List-Unsubscribe" not in mail["headers"]]


def wait_for_all_mails(system: System, email: str) -> None:
    """Wait until whatever was due to an address has been sent."""
    wait_until(
        lambda: {state for _, state in mails_about(system, email)} == {"sent"},
        lambda: f"all mails ({mails_about(system, email)})",
    )


def unfinished(system: System) -> int:
    """Events that are stored and not dealt with."""
    found: int = system.scalar("SELECT count(*) FROM stripe_event WHERE state = 'pending'")
    return found


def settle(system: System, seconds: float = 60) -> None:
    """Wait until the stand-in has delivered everything and every event is dealt with."""

    def is_quiet() -> bool:
        idle = requests.get(f"{system.stripe}/sandbox/idle", timeout=30).json()["pending"] == 0
        return idle and unfinished(system) == 0

    wait_until(is_quiet, lambda: f"the end of {unfinished(system)} events", seconds)


def wait_for_gift(system: System, email: str, seconds: float = 60) -> None:
    """Wait until the welcome and the receipt of a first gift have been sent."""
    wanted = [("receipt", "sent"), ("welcome", "sent")]
    wait_until(
        lambda: mails_about(system, email) == wanted,
        lambda: f"welcome and receipt (they are {mails_about(system, email)})",
        seconds,
    )


def assert_one_gift(
    system: System, email: str, minor: int = 500, *, in_doubt: bool = False
) -> None:
    """One live subscription, one donation, one ledger entry worth it, one of each mail.

    A mail `in_doubt` may have come once more, as the same mail (rule M2).
    """
    wait_for_gift(system, email)
    (subscription,) = subscriptions(system, email)
    assert (subscription["state"], subscription["amount_minor"]) == ("active", minor)
    (donation,) = donations(system, email)
    assert (donation["amount_minor"], donation["refunded_minor"]) == (minor, 0)
    assert donation["subscription_id"] == subscription["id"]
    assert ledger(system, email) == [("new", minor)]
    arrived = [mail["headers"]["Message-ID"] for mail in personal_mails(system, email)]
    assert len(set(arrived)) == 2
    assert in_doubt or len(arrived) == 2


# Stripe, and time


def events_of(system: System, email: str, since: int = 0) -> list[dict[str, Any]]:
    """Stripe's events about an address's customer and all that belongs to it, oldest first.

    `since` is a moment of Stripe's clock, in seconds.
    """
    customers = stripe_customers(system, email)
    # The invoice of invoice.upcoming has no id yet; a dispute names its charge.
    names = ("customer", "id", "charge")
    ids = customers | {each["id"] for each in at_stripe(system, email, "charges")}
    about = [
        event
        for event in all_events(system, since)
        if ids & {event["data"]["object"].get(name) for name in names}
    ]
    return about[::-1]


def all_events(system: System, since: int = 0) -> list[dict[str, Any]]:
    """Newest first."""
    asked: dict[str, Any] = {"limit": "100", "created[gte]": str(since)}
    found: list[dict[str, Any]] = []
    while True:
        page = system.stripe_api("GET", "events", **asked)
        found += page["data"]
        if not page["has_more"]:
            return found
        asked["starting_after"] = found[-1]["id"]


def stripe_customers(system: System, email: str) -> set[str]:
    return {each["id"] for each in system.stripe_api("GET", "customers", email=email)["data"]}


def at_stripe(system: System, email: str, path: str, **params: str) -> list[dict[str, Any]]:
    """All objects of a kind that belong to an address, such as its `subscriptions`."""
    customers = stripe_customers(system, email)
    found = system.stripe_api("GET", path, limit="100", **params)["data"]
    return [each for each in found if each["customer"] in customers]


def signed(body: bytes, secret: str, at: float | None = None) -> str:
    """The header of https://docs.stripe.com/webhooks#verify-manually; `at` in seconds."""
    moment = str(int(at or time.time()))
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={digest.hexdigest()}"


def send(
    system: System, body: bytes, signature: str | None, query: str = "", **headers: str
) -> int:
    """POST to the webhook; the status of its answer."""
    headers["Content-Type"] = "application/json"
    if signature is not None:
        headers["Stripe-Signature"] = signature
    url = f"{system.web}/webhooks/stripe{query}"
    return requests.post(url, data=body, headers=headers, timeout=30).status_code


def secret_of(system: System) -> str:
    return system.environment["STRIPE_WEBHOOK_SECRETS"].split(",")[0]


def redeliver(system: System, event: dict[str, Any]) -> int:
    """Send an event as Stripe does; the status of the answer."""
    body = json.dumps(event).encode()
    return send(system, body, signed(body, secret_of(system)))


def stripe_now(system: System) -> int:
    """Stripe's clock, in seconds."""
    now: int = requests.get(f"{system.stripe}/sandbox/clock", timeout=30).json()["now"]
    return now


def renew(system: System, email: str) -> None:
    """Move Stripe's clock to the first attempt to charge the next period, an hour after its start.

    Months differ in length, and so would what else happens within 31 days.
    """
    due = subscriptions(system, email)[-1]["current_period_end_at"].timestamp()
    system.sandbox("clock", advance=int(due) - stripe_now(system) + 3660)


def let_leases_run_out(system: System) -> None:
    """As if the waiting times after a failure or a lost worker had passed; then beat's wake-up.

    Not so for mails in hand: whoever has them may live, and they would leave twice.
    """
    for table in ("stripe_event", "outbox_email"):
        system.rows(f"UPDATE {table} SET next_attempt_at = now() WHERE state = 'pending'")
    for task in ("billing.process_events", "mail.deliver"):
        # A hint may go to a worker that hangs; there are two at most.
        system.wake(task, times=3)


def let_go_of_mail(system: System, *emails: str) -> None:
    """As if the time had passed after which a worker with mails to these in hand is given up."""
    system.rows(
        "UPDATE outbox_email SET next_attempt_at = now()"
        " WHERE state = 'sending' AND recipient = ANY(:emails)",
        emails=list(emails),
    )
    let_leases_run_out(system)


@contextmanager
def at_work(system: System) -> Iterator[sa.Connection]:
    """A connection of our own to the database, in a transaction."""
    with system.engine.connect() as connection:
        yield connection


@contextmanager
def locked(system: System, table: str) -> Iterator[None]:
    """Nobody can write to a table meanwhile: whoever tries waits in the middle of their work."""
    with at_work(system) as connection:
        connection.execute(sa.text(f"LOCK TABLE {table} IN SHARE MODE"))
        yield
        connection.rollback()


@contextmanager
def held(system: System, table: str, act: str) -> Iterator[None]:
    """Whoever does `act` (UPDATE, INSERT) to rows of a table waits in the middle of it meanwhile.

    Unlike `locked()` for one kind of writing only: what was asked of Stripe between an INSERT
    and an UPDATE is done, and not yet noted.
    """
    hold = "SELECT pg_advisory_xact_lock(hashtext('tests hold'))"
    with at_work(system) as connection:
        connection.execute(sa.text(hold))
        system.rows(
            "CREATE FUNCTION tests_hold() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN PERFORM ({hold}); RETURN NEW; END $$;"
            f" CREATE TRIGGER tests_hold BEFORE {act} ON {table} FOR EACH ROW"
            " EXECUTE FUNCTION tests_hold()"
        )
        try:
            yield
        finally:
            connection.rollback()
            system.rows(f"DROP TRIGGER tests_hold ON {table}; DROP FUNCTION tests_hold()")


def waits_for_lock(system: System) -> bool:
    """Whether somebody waits in the middle of a transaction for a lock that another one holds."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(system.scalar(waiting))


def at_once(*acts: Any) -> list[Any]:
    """Do all of them in threads that start together; their results in order."""
    with ThreadPoolExecutor(len(acts)) as pool:
        return [each.result() for each in [pool.submit(act) for act in acts]]
