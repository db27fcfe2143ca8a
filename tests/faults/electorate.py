"""Rounds and people who vote in them, made in the database; everything else goes over HTTP."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from membership.voting.tally import tie_seed
from tests.faults.steps import Reader, form_of
from tests.system import System, wait_until

TOPICS = (1, 2, 3)


# An account that gives, and a browser that it is signed in with.
PATRON = """
    WITH made AS (
        INSERT INTO account (email, language, verified_at) VALUES (:email, 'en', now())
        RETURNING id
    ), agreed AS (
        INSERT INTO subscription (account_id, stripe_subscription_id, stripe_customer_id, state,
            "interval", amount_minor, currency, started_at, current_period_end_at)
        SELECT id, 'made_' || id, 'made_' || id, 'active', 'month', 500, 'EUR', now(),
            now() + interval '1 month' FROM made
        RETURNING id, account_id
    ), paid AS (
        INSERT INTO donation (account_id, subscription_id, stripe_payment_intent_id, amount_minor,
            refunded_minor, currency, paid_at)
        SELECT account_id, id, 'made_' || account_id, 500, 0, 'EUR', now() FROM agreed
    )
    INSERT INTO sign_in (id, token_hash, account_id, seen_at, expires_at)
    SELECT gen_random_uuid(), :hash, id, now(), now() + interval '1 day' FROM made
"""
# What Stripe does not know must not stay among what runs.
LEAVE = (
    "UPDATE subscription SET state = 'ended', ended_at = now()"
    " WHERE stripe_subscription_id LIKE 'made\\_%'"
)


def voters(system: System, stack: ExitStack, name: str, number: int) -> list[Reader]:
    """Patrons who are signed in; they leave with `stack`."""
    stack.callback(system.rows, LEAVE)
    cookies = SecureCookieSessionInterface().get_signing_serializer(_app(system))
    assert cookies
    readers = []
    for each in range(number):
        reader = stack.enter_context(Reader(system, f"{name}{each}@voters.example"))
        token = secrets.token_urlsafe(32)
        hashed = hashlib.sha256(token.encode()).digest()
        system.rows(PATRON, email=reader.email, hash=hashed)
        cookie = cookies.dumps({"_user_id": token, "_fresh": True})
        reader.browser.cookies.set("session", cookie, domain="127.0.0.1", path="/")
        readers.append(reader)
    return readers


def _app(system: System) -> Flask:
    """Signs cookies as the system does."""
    app = Flask("cookies")
    app.secret_key = system.environment["SECRET_KEY"]
    return app


def a_round(system: System, title: str, opens: str = "-5 hours", **values: Any) -> int:
    """A round over three topics, by default open for an hour to come; `opens` is an interval."""
    state = values.get("state", "open")
    made = {"state": state, "method": "approval", "closes": "1 hour"} | values
    topics = [
        system.scalar(
            "INSERT INTO topic (slug, language, title, why, state)"
            " VALUES (:slug, 'en', :title, 'Because.', :state) RETURNING id",
            slug=f"{title.lower().replace(' ', '-')}-{number}",
            title=f"{title}, story {number}",
            state="suggested" if state == "draft" else "on_ballot",
        )
        for number in TOPICS
    ]
    # A worker may look at any moment: nothing is due before all of it is there.
    round_id: int = system.scalar(
        "INSERT INTO round (title, state, method, max_choices, seats, quorum, tie_seed, opens_at,"
        " closes_at) VALUES (:title, 'draft', :method, 3, 1, 1, 'seed',"
        " now() + interval '1 day', now() + interval '2 days') RETURNING id",
        title=title,
        method=made["method"],
    )
    for topic in topics:
        system.rows("INSERT INTO round_option VALUES (:round, :topic)", round=round_id, topic=topic)
    system.rows(
        "UPDATE round SET tie_seed = :seed, state = :state,"
        " opens_at = clock_timestamp() + CAST(:opens AS interval),"
        " closes_at = clock_timestamp() + CAST(:closes AS interval) WHERE id = :id",
        id=round_id,
        seed=tie_seed(round_id, topics),
        state=made["state"],
        opens=opens,
        closes=made["closes"],
    )
    return round_id


def choices_of(system: System, round_id: int) -> list[int]:
    """The ids of the topics on a round's ballot, ascending."""
    options = "SELECT topic_id FROM round_option WHERE round_id = :round ORDER BY topic_id"
    return [row["topic_id"] for row in system.rows(options, round=round_id)]


def vote(reader: Reader, round_id: int, choices: Sequence[int]) -> int:
    """Status of the answer to a ballot."""
    # A token is good for any form; a closed round's page has none.
    token = form_of(reader.get("/account/profile"), "/account/profile")
    fields: list[tuple[str, Any]] = [("csrf_token", token["csrf_token"])]
    answer = reader.post(f"/rounds/{round_id}", fields + [("choice", each) for each in choices])
    return answer.status_code


def close(system: System, *round_ids: int, ago: str = "0") -> None:
    """By the database's clock, the end is or was `ago`, an interval."""
    system.rows(
        "UPDATE round SET closes_at = clock_timestamp() - CAST(:ago AS interval)"
        " WHERE id = ANY(:ids)",
        ids=list(round_ids),
        ago=ago,
    )


@contextmanager
def nobody_works(system: System) -> Iterator[None]:
    """Beat and worker hang; the worker not in the middle of anything that others would wait for."""
    with system.stopped("beat"), ExitStack() as stack:

        def stopped_between_transactions() -> bool:
            with ExitStack() as stopping:
                stopping.enter_context(system.stopped("worker"))
                if _is_idle(system):
                    stack.push(stopping.pop_all())
                    return True
            return False

        wait_until(stopped_between_transactions, "a worker that can be stopped", 60)
        yield


def _is_idle(system: System) -> bool:
    """No transaction is under way but the question's own."""
    busy = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        " AND backend_type = 'client backend'"
    )
    return system.scalar(busy) == 0


def state_of(system: System, round_id: int) -> str:
    return str(system.scalar("SELECT state FROM round WHERE id = :id", id=round_id))


def tally_of(system: System, round_id: int) -> dict[str, Any]:
    """The one tally of a round."""
    (tally,) = system.rows("SELECT * FROM tally WHERE round_id = :id", id=round_id)
    return tally


def steps_of(system: System, round_id: int) -> list[str]:
    """What the log of deeds says was done to a round, in order."""
    deeds = system.rows(
        "SELECT action FROM audit_entry WHERE subject = :subject ORDER BY id",
        subject=f"round:{round_id}",
    )
    return [deed["action"] for deed in deeds]


def told(system: System, round_id: int, kind: str) -> list[str]:
    """Addresses at voters.example with a mail of `kind` about a round, sorted, as often as due."""
    rows = system.rows(
        "SELECT recipient FROM outbox_email WHERE kind = :kind AND subject = :subject"
        " AND recipient LIKE '%@voters.example' ORDER BY recipient",
        kind=kind,
        subject=f"round:{round_id}",
    )
    return [row["recipient"] for row in rows]


def in_the_end(system: System, reader: Reader) -> list[tuple[str, str]]:
    """Kind and subject of every mail that was sent to a reader; every one of them arrived once."""
    rows = system.rows(
        "SELECT kind, subject, message_id FROM outbox_email WHERE recipient = :email"
        " AND state = 'sent' ORDER BY kind, subject",
        email=reader.email,
    )
    arrived = [mail["headers"]["Message-ID"] for mail in system.mails(reader.email)]
    assert sorted(arrived) == sorted(row["message_id"] for row in rows)
    return [(row["kind"], row["subject"]) for row in rows]
