"""The webhook: what is stored, what is refused, and what happens when processing fails."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event as database_event
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from membership import clock
from membership.billing import inbox
from membership.billing.models import Donation, LedgerEntry, StripeEvent, Subscription
from membership.mail.models import OutboxEmail
from tests.billing.conftest import SECRET, Stripe, sign
from tests.billing.reading import make_due, row, rows

Give = Callable[..., str]
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "customer.subscription.updated",
    "created": 1_780_000_000,
    "livemode": False,
    "data": {"object": {"id": "sub_1", "object": "subscription"}},
}


def post(client: FlaskClient, body: str | bytes, signature: str | None = None) -> int:
    if signature is None:
        signature = sign(body if isinstance(body, str) else body.decode("latin-1"))
    answer = client.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": signature})
    return answer.status_code


def test_a_signed_event_is_stored_once(session: Session, client: FlaskClient) -> None:
    """[B1] [B2] Without a CSRF token, in answer to its signature alone."""
    client.application.config["WTF_CSRF_ENABLED"] = True
    assert post(client, json.dumps(EVENT)) == 200
    assert post(client, json.dumps(EVENT)) == 200
    stored = row(session, StripeEvent)
    assert (stored.id, stored.type, stored.object_id) == (
        "evt_1", "customer.subscription.updated", "sub_1"
    )  # fmt: skip
    assert (stored.state, stored.attempts, stored.payload) == ("pending", 0, EVENT)


def test_either_of_two_secrets_will_do(
    app: Flask, session: Session, client: FlaskClient, settings: Any
) -> None:
    """[B1] While a secret is rotated."""
    both = settings.model_copy(update={"stripe_webhook_secrets": ("whsec_new", SECRET)})
    app.extensions["kava.settings"] = both
    try:
        body = json.dumps(EVENT)
        assert post(client, body, sign(body, "whsec_new")) == 200
        assert post(client, body, sign(body, SECRET)) == 200
        assert post(client, body, sign(body, "whsec_other")) == 400
    finally:
        app.extensions["kava.settings"] = settings


OLD = int(time.time()) - 301
REFUSED = {
    "unsigned": (json.dumps(EVENT), ""),
    "signed by another": (json.dumps(EVENT), sign(json.dumps(EVENT), "whsec_other")),
    "signed for another body": (json.dumps(EVENT), sign(json.dumps(EVENT) + " ")),
    "signed too long ago": (json.dumps(EVENT), sign(json.dumps(EVENT), at=OLD)),
    "nonsense in the header": (json.dumps(EVENT), "t=,v1"),
    "live": (json.dumps(EVENT | {"livemode": True}), None),
    "no JSON": ("hello", None),
    "no event": (json.dumps({"object": "charge"}), None),
    "a list": ("[]", None),
    "no text": (b"\xff\xfe", sign("x")),
    "too large": (json.dumps(EVENT | {"padding": "x" * 256 * 1024}), None),
    "much too large": (json.dumps(EVENT | {"padding": "x" * 2 * 1024 * 1024}), None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_from_stripe_is_refused(
    session: Session, client: FlaskClient, case: str
) -> None:
    """[B1] 400, and nothing stored."""
    body, signature = REFUSED[case]
    assert post(client, body, signature) == 400
    assert rows(session, StripeEvent) == []


def test_a_signature_within_the_tolerance_is_fine(session: Session, client: FlaskClient) -> None:
    """[B17]"""
    body = json.dumps(EVENT)
    assert post(client, body, sign(body, at=int(time.time()) - 290)) == 200


@pytest.mark.parametrize("kind", ["customer.created", "charge.succeeded", "price.created"])
def test_what_changes_nothing_is_stored_and_ignored(
    session: Session, client: FlaskClient, kind: str
) -> None:
    """[B2] [B14]"""
    assert post(client, json.dumps(EVENT | {"type": kind})) == 200
    assert row(session, StripeEvent).state == "ignored"
    assert inbox.process_due() == 0


def test_only_a_failed_insert_is_a_500(session: Session, client: FlaskClient) -> None:
    """[B2] Stripe tries again then."""

    def break_off(*args: Any) -> None:
        if "INSERT INTO stripe_event" in args[2]:
            raise OperationalError("INSERT", {}, Exception("disk full"))

    bind = session.connection().engine
    database_event.listen(bind, "before_cursor_execute", break_off)
    try:
        assert post(client, json.dumps(EVENT)) == 500
    finally:
        database_event.remove(bind, "before_cursor_execute", break_off)
    assert rows(session, StripeEvent) == []
    assert post(client, json.dumps(EVENT)) == 200


NULLS: list[tuple[str, str | None, dict[str, Any]]] = [
    ("customer.subscription.updated", None, {}),
    ("checkout.session.completed", None, {}),
    ("invoice.paid", None, {}),
    ("invoice.paid", "invoice", {"parent": None}),
    ("invoice.paid", "invoice", {"parent": {"subscription_details": None}}),
    ("charge.refunded", None, {}),
    ("charge.refunded", "charge", {"payment_intent": None}),
    ("refund.updated", None, {}),
    ("charge.dispute.created", None, {}),
    ("radar.early_fraud_warning.created", None, {}),
    ("invoice.upcoming", None, {}),
    ("customer.updated", None, {}),
    ("customer.deleted", None, {}),
    ("payment_method.automatically_updated", None, {}),
    ("payment_method.automatically_updated", "payment_method", {"customer": None}),
]


@pytest.mark.parametrize(("kind", "about", "lacking"), NULLS)
def test_a_null_reference_changes_no_row(
    session: Session,
    stripe: Stripe,
    give: Give,
    kind: str,
    about: str | None,
    lacking: dict[str, Any],
) -> None:
    """[L5] Neither in the event nor in what it is about."""
    stripe.pay(give())
    stripe.deliver_all()
    before = [_values(each) for each in _all_rows(session)]
    said: dict[str, Any] = {"id": None}
    if about is not None:
        said = stripe.all(about)[0]
        stripe.change(said["id"], **lacking)
    stripe.deliver(EVENT | {"type": kind, "data": {"object": said}})
    assert inbox.process_due() == 1
    assert row(session, StripeEvent, id="evt_1").state == "ignored"
    assert [_values(each) for each in _all_rows(session)] == before


@pytest.mark.parametrize("shape", ["older", "bare"])
def test_an_event_of_another_api_version_loses_nothing(
    session: Session, stripe: Stripe, give: Give, shape: str
) -> None:
    """[B3] [L6] A webhook set to another version: of what it says, only the id is believed."""
    stripe.pay(give())
    stripe.deliver_all()
    stripe.move_clock(32)
    for event in stripe.events("invoice.paid"):
        invoice = event["data"]["object"]
        parent = invoice.pop("parent")
        if shape == "older":
            invoice["subscription"] = parent["subscription_details"]["subscription"]
        stripe.deliver(event)
    inbox.process_due()
    assert len(rows(session, Donation)) == 2
    stripe.api("refunds", charge=stripe.all("charge")[-1]["id"])
    for event in stripe.events("charge.refunded"):
        del event["data"]["object"]["payment_intent"]
        stripe.deliver(event)
    inbox.process_due()
    assert [each.refunded_minor for each in rows(session, Donation)] in ([0, 500], [500, 0])
    dispute = stripe.sandbox("disputes", charge=stripe.all("charge")[0]["id"])
    for event in stripe.events("charge.dispute.created"):
        event["data"]["object"] = {"id": dispute["id"]}
        stripe.deliver(event)
    inbox.process_due()
    assert len([each for each in rows(session, Donation) if each.disputed_at]) == 1


def _all_rows(session: Session) -> list[Any]:
    return [
        each
        for model in (Subscription, Donation, LedgerEntry, OutboxEmail)
        for each in rows(session, model)
    ]


def _values(found: Any) -> dict[str, Any]:
    return {column.name: getattr(found, column.name) for column in found.__table__.columns}


def test_a_blip_of_the_api_loses_nothing(session: Session, stripe: Stripe, give: Give) -> None:
    """[L6] Fails twice, then works: exactly one donation."""
    stripe.pay(give())
    for paid in stripe.events("invoice.paid"):
        stripe.deliver(paid)
    for _ in range(2):
        # The client asks three times by itself.
        stripe.sandbox("faults", api_errors=["ok", 500, 500, 500])
        make_due(session)
        inbox.process_due()
        assert row(session, StripeEvent).state == "pending"
        assert row(session, StripeEvent).last_error.startswith("StripeUnavailableError")
        assert rows(session, Donation) == []
        assert rows(session, Subscription) == []
    make_due(session)
    inbox.process_due()
    assert len(rows(session, Donation)) == 1
    stored = row(session, StripeEvent)
    assert (stored.state, stored.attempts, stored.last_error) == ("processed", 1, None)


def test_stripe_away_for_long_uses_up_no_attempts(
    session: Session, stripe: Stripe, give: Give, caplog: pytest.LogCaptureFixture
) -> None:
    """[L6] [L7] Not one: a failure of our own after it does not set an event aside."""
    stripe.pay(give())
    stripe.deliver(stripe.events("invoice.paid")[0])
    stripe.sandbox("faults", api_error_rate=1.0)
    for _ in range(2):
        make_due(session)
        inbox.process_due()
    assert row(session, StripeEvent).state == "pending"
    assert row(session, StripeEvent).attempts == 0
    assert [each.levelname for each in caplog.records if each.levelname == "ERROR"] == []
    # It waits its time.
    stripe.sandbox("faults", api_error_rate=0.0)
    assert inbox.process_due() == 0
    stripe.sandbox("faults", api_errors=[400])
    make_due(session)
    inbox.process_due()
    assert (row(session, StripeEvent).state, row(session, StripeEvent).attempts) == ("pending", 1)
    make_due(session)
    inbox.process_due()
    assert row(session, StripeEvent).state == "processed"


@pytest.mark.parametrize("fault", [403, 409, 500, "lock_timeout"])
def test_what_stripe_fails_over_alone_does_not_hold_up_the_rest(
    session: Session,
    stripe: Stripe,
    give: Give,
    fault: int | str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """[L7] It waits by itself, ever longer, and after an hour somebody is told."""
    stripe.deliver(EVENT)
    stripe.pay(give())
    # These two the client does not try again by itself.
    tries = [fault] if fault in (403, "lock_timeout") else [fault] * 3
    stripe.sandbox("faults", api_errors=tries)
    stripe.deliver_all()
    assert len(rows(session, Donation)) == 1
    waiting = row(session, StripeEvent, id="evt_1")
    assert (waiting.state, waiting.attempts) == ("pending", 0)
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []
    session.execute(
        update(StripeEvent)
        .where(StripeEvent.id == "evt_1")
        .values(received_at=clock.now() - timedelta(hours=2), next_attempt_at="epoch")
    )
    stripe.sandbox("faults", api_errors=tries)
    inbox.process_due()
    waiting = row(session, StripeEvent, id="evt_1")
    assert waiting.next_attempt_at > clock.now() + timedelta(minutes=20)
    alarm = [each for each in caplog.records if each.levelname == "ERROR"]
    assert len(alarm) == 1
    assert "stripe_unavailable" in alarm[0].getMessage()


@pytest.mark.parametrize("fault", [401, 429])
def test_when_nothing_would_go_through_the_run_ends(
    session: Session, stripe: Stripe, give: Give, fault: int
) -> None:
    """[L7] A wrong key, too many requests: the other events keep their turn."""
    stripe.pay(give())
    for event in stripe.events():
        stripe.deliver(event)
    stripe.sandbox("faults", api_errors=[fault])
    assert inbox.process_due() == 0
    assert len([each for each in rows(session, StripeEvent) if each.last_error]) == 1


def test_a_poison_event_is_set_aside_and_the_rest_runs(
    session: Session, stripe: Stripe, give: Give, caplog: pytest.LogCaptureFixture
) -> None:
    """[L7]"""
    poison = EVENT | {"data": {"object": {"id": "sub_nowhere"}}}
    stripe.deliver(poison)
    stripe.pay(give())
    for attempt in range(1, inbox.ATTEMPTS):
        make_due(session)
        inbox.process_due()
        assert row(session, StripeEvent, id="evt_1").attempts == attempt
        assert row(session, StripeEvent, id="evt_1").state == "pending"
    caplog.clear()
    make_due(session)
    stripe.deliver_all()
    set_aside = row(session, StripeEvent, id="evt_1")
    assert set_aside.state == "failed"
    assert "sub_nowhere" in set_aside.last_error
    alarms = [each for each in caplog.records if each.levelname == "ERROR"]
    assert len(alarms) == 1
    assert "stripe_event_set_aside" in alarms[0].getMessage()
    assert len(rows(session, Donation)) == 1


def test_what_a_dying_worker_held_comes_back(session: Session, stripe: Stripe, give: Give) -> None:
    """[B4] Not before its lease has ended."""
    stripe.pay(give())
    stripe.deliver(stripe.events("invoice.paid")[0])
    assert inbox._claim() is not None
    assert inbox.process_due() == 0
    make_due(session)
    assert inbox.process_due() == 1
    assert len(rows(session, Donation)) == 1


def test_what_another_product_sells_is_ignored(
    session: Session, stripe: Stripe, give: Give
) -> None:
    """[B5] [L17] No metadata of ours, an unknown checkout, or one that is no id at all."""
    for metadata in ({}, {"checkout": "9"}, {"checkout": "0b0c2f5e-7ad0-4b0e-8f4a-000000000000"}):
        for mode in ("subscription", "payment"):
            stripe.pay(_page_of_another_product(stripe, mode, metadata))
    stripe.deliver_all()
    assert len(rows(session, StripeEvent)) > 20
    assert {event.state for event in rows(session, StripeEvent)} == {"ignored"}
    assert _all_rows(session) == []


def _page_of_another_product(stripe: Stripe, mode: str, metadata: dict[str, str]) -> str:
    form = {
        "mode": mode,
        "success_url": "http://localhost/",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "900",
        "line_items[0][price_data][product_data][name]": "A mug",
    }
    data = "subscription_data"
    if mode == "subscription":
        form["line_items[0][price_data][recurring][interval]"] = "month"
    else:
        data = "payment_intent_data"
    for key, value in metadata.items():
        form[f"metadata[{key}]"] = form[f"{data}[metadata][{key}]"] = value
    answer = stripe.http.post(
        f"{stripe.server.url}/v1/checkout/sessions",
        data=form,
        headers={"Authorization": f"Bearer {stripe.server.api_key}"},
    )
    return str(answer.json()["url"])
