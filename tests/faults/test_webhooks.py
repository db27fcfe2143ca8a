"""Webhooks that come many times, in the wrong order, late, or not at all."""

import json
import time

import pytest
import requests

from tests.faults.steps import (
    Reader,
    assert_one_gift,
    at_once,
    donations,
    events_of,
    personal_mails,
    redeliver,
    secret_of,
    send,
    settle,
    signed,
    subscriptions,
    unfinished,
    wait_for_gift,
)
from tests.system import System


def test_ten_copies_at_once_of_every_event_give_once(system: System) -> None:
    """[B2] [L16] Events that nobody has seen yet come ten at a time, the last ones first."""
    system.sandbox("faults", webhooks="drop")
    with Reader(system, "tenfold@reader.example") as reader:
        reader.give()
        events = events_of(system, reader.email)
        assert {"checkout.session.completed", "invoice.paid"} <= {e["type"] for e in events}
        for event in reversed(events):
            answers = at_once(*[lambda event=event: redeliver(system, event)] * 10)
            assert set(answers) == {200}
        settle(system)
        assert_one_gift(system, reader.email)
        for event in events:
            assert redeliver(system, event) == 200
        settle(system)
        assert_one_gift(system, reader.email)


@pytest.mark.parametrize("way", ["duplicate", "shuffle", "delay"])
def test_disturbed_delivery_gives_once(system: System, way: str) -> None:
    """[L4] [B3] Doubled, out of order, or late by seconds."""
    system.sandbox("faults", webhooks=way, webhook_delay=1)
    with Reader(system, f"{way}@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        settle(system)
        assert_one_gift(system, reader.email)


def test_ten_copies_at_once_of_a_one_time_gift(system: System) -> None:
    """[L16] [L18] One donation, and no subscription."""
    system.sandbox("faults", webhooks="drop")
    with Reader(system, "once@reader.example") as reader:
        before = {e["id"] for e in system.stripe_api("GET", "events", limit="100")["data"]}
        reader.give(interval="once", amount="20")
        events = system.stripe_api("GET", "events", limit="100")["data"]
        fresh = [event for event in events if event["id"] not in before]
        acts = [lambda event=event: redeliver(system, event) for event in fresh for _ in range(10)]
        assert set(at_once(*acts)) == {200}
        settle(system)
        wait_for_gift(system, reader.email)
        (donation,) = donations(system, reader.email)
        assert donation["amount_minor"] == 2000
        assert subscriptions(system, reader.email) == []
        assert len(personal_mails(system, reader.email)) == 2


def test_backfill_brings_what_never_came(system: System) -> None:
    """[B4] Every webhook is lost; `flask billing backfill` leads to the same rows, also twice."""
    system.sandbox("faults", webhooks="drop")
    with Reader(system, "backfill@reader.example") as reader:
        reader.give()
        assert subscriptions(system, reader.email) == []
        system.flask("billing", "backfill", "--since", "1")
        settle(system)
        assert_one_gift(system, reader.email)
        system.flask("billing", "backfill", "--since", "1")
        settle(system)
        assert_one_gift(system, reader.email)


def test_what_stripe_did_not_sign_is_refused_and_not_stored(system: System) -> None:
    """[B1] No signature, an old or foreign one; the secret itself; a changed byte; too much."""
    with Reader(system, "forged@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        settle(system)
        real = next(e for e in events_of(system, reader.email) if e["type"] == "invoice.paid")
        secret = secret_of(system)
        body = json.dumps(real | {"id": "evt_forged"}).encode()
        good = signed(body, secret)
        large = json.dumps(real | {"id": "evt_large", "padding": "x" * 300 * 1024}).encode()
        live = json.dumps(real | {"id": "evt_live", "livemode": True}).encode()
        attempts = {
            "missing": (body, None),
            "empty": (body, ""),
            "nonsense": (body, "t=now,v1=yes"),
            "without a time": (body, good.partition(",")[2]),
            "other secret": (body, signed(body, "whsec_somebody_elses")),
            "empty secret": (body, signed(body, "")),
            "six minutes old": (body, signed(body, secret, time.time() - 360)),
            "changed body": (body.replace(b"evt_forged", b"evt_forgeb"), good),
            "changed time": (body, good.replace("t=1", "t=2", 1)),
            "other scheme": (body, good.replace("v1=", "v0=")),
            "live in test": (live, signed(live, secret)),
            "no JSON": (b"{", signed(b"{", secret)),
            "not an event": (b"[]", signed(b"[]", secret)),
            "no text": (b"\xff\xfe", signed(b"\xff\xfe", secret)),
            "large": (large, signed(large, secret)),
        }
        stored = system.scalar("SELECT count(*) FROM stripe_event")
        answers = {name: send(system, *attempt) for name, attempt in attempts.items()}
        # Who knows the secret does not show it: it signs, and opens nothing.
        shown = {"Authorization": f"Bearer {secret}", "X-Webhook-Secret": secret}
        for signature in (None, secret, f"v1={secret}"):
            answers[f"secret as {signature}"] = send(
                system, body, signature, f"?secret={secret}&signature={good}", **shown
            )
        # A good signature elsewhere than in its header is none.
        answers["good, in the query"] = send(system, body, None, f"?Stripe-Signature={good}")
        assert answers.pop("large") in (400, 413)
        assert answers == dict.fromkeys(answers, 400)
        assert system.scalar("SELECT count(*) FROM stripe_event") == stored
        assert unfinished(system) == 0
        assert_one_gift(system, reader.email)
        # The same body with a good signature is taken: it was the signature that counted.
        assert send(system, body, good) == 200
        assert system.scalar("SELECT count(*) FROM stripe_event") == stored + 1
        settle(system)
        assert_one_gift(system, reader.email)


def test_either_secret_will_do_while_one_is_rotated(system: System) -> None:
    """[B1] A server knows the new one and the old one; a third is nobody's."""
    with Reader(system, "rotated@reader.example") as reader:
        reader.give()
        settle(system)
        real = next(e for e in events_of(system, reader.email) if e["type"] == "invoice.paid")
        old, new = secret_of(system), "whsec_the_next_one"
        with system.extra_web(STRIPE_WEBHOOK_SECRETS=f"{new},{old}") as web:
            for secret, status in ((old, 200), (new, 200), ("whsec_of_last_year", 400)):
                body = json.dumps(real | {"id": f"evt_by_{secret}"}).encode()
                headers = {"Stripe-Signature": signed(body, secret)}
                answer = requests.post(f"{web.url}/webhooks/stripe", data=body, headers=headers)
                assert answer.status_code == status, secret
        stored = "SELECT count(*) FROM stripe_event WHERE id LIKE 'evt\\_by\\_%'"
        assert system.scalar(stored) == 2
        settle(system)
        assert_one_gift(system, reader.email)
