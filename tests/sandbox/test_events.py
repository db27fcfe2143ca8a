"""Events, their delivery, and the bad weather that can be ordered."""

import json
import os
import signal
import subprocess
import sys

import pytest
import requests
import stripe

from sandbox.stripe import webhooks
from sandbox.stripe.server import start
from tests.sandbox.conftest import DAY, SECRET


def test_events_are_signed_and_say_what_caused_them(client, receiver):
    customer = client.v1.customers.create({}, {"idempotency_key": "row-1"})
    receiver.wait_for(1)
    (event,) = receiver.events
    assert (event.type, event.data.object.id) == ("customer.created", customer.id)
    assert event.request.idempotency_key == "row-1"
    assert event.request.id == customer.last_response.headers["Request-Id"]


def test_a_forged_signature_does_not_verify(client, standin):
    body = json.dumps({"id": "evt_1", "object": "event"})
    header = stripe.WebhookSignature.generate_signature_header(body, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, header, standin.webhook_secret)


def test_an_update_says_what_was_before(client, receiver):
    customer = client.v1.customers.create({"name": "A", "metadata": {"a": "1"}})
    client.v1.customers.update(customer.id, {"name": "B", "metadata": {"b": "2"}})
    receiver.wait_for(2)
    update = receiver.events[1].to_dict()
    assert update["type"] == "customer.updated"
    assert update["data"]["previous_attributes"] == {"name": "A", "metadata": {"b": None}}
    assert update["data"]["object"]["name"] == "B"


def test_a_change_of_nothing_is_no_event(client, sandbox):
    customer = client.v1.customers.create({"name": "A"})
    client.v1.customers.update(customer.id, {"name": "A"})
    assert sandbox.get("state")["event"] == 1


def test_delivery_is_tried_again_until_it_is_answered_well(client, receiver, sandbox):
    receiver.answers = [500]
    client.v1.customers.create()
    receiver.wait_for(2)
    sandbox.settle()
    assert receiver.events[0].id == receiver.events[1].id
    assert [d["status"] for d in sandbox.get("deliveries")["deliveries"]] == [500, 200]
    assert client.v1.events.retrieve(receiver.events[0].id).pending_webhooks == 0


def test_events_are_listed_by_type_time_and_delivery(client, sandbox, receiver):
    client.v1.customers.create()
    sandbox.settle()
    now = sandbox.advance(DAY)
    sandbox.post("faults", webhooks="drop")
    client.v1.products.create({"name": "Support"})
    events = client.v1.events

    def types(**params):
        return [event.type for event in events.list(params).data]

    assert types() == ["product.created", "customer.created"]
    assert types(type="customer.created") == ["customer.created"]
    assert types(types=["customer.*", "invoice.paid"]) == ["customer.created"]
    assert types(created={"gte": now}) == ["product.created"]
    assert types(delivery_success=False) == ["product.created"]
    assert types(delivery_success=True) == ["customer.created"]
    with pytest.raises(stripe.InvalidRequestError):
        types(type="a", types=["b"])
    sandbox.advance(31 * DAY)
    assert types() == []


def test_a_dropped_event_comes_when_sent_again(client, sandbox, receiver):
    sandbox.post("faults", webhooks="drop")
    client.v1.customers.create()
    sandbox.settle()
    assert receiver.events == []
    (event,) = client.v1.events.list().data
    assert event.pending_webhooks == 1
    sandbox.post("webhooks/resend", event=event.id)
    receiver.wait_for(1)
    sandbox.settle()
    assert client.v1.events.retrieve(event.id).pending_webhooks == 0


def test_events_come_twice_when_asked_to(client, sandbox, receiver):
    sandbox.post("faults", webhooks="duplicate")
    client.v1.customers.create()
    receiver.wait_for(2)
    assert receiver.events[0].id == receiver.events[1].id


def test_shuffled_events_come_all_but_out_of_order(client, sandbox, receiver, monkeypatch):
    # Longer than it takes to make all of them, however busy the machine is.
    monkeypatch.setattr(webhooks, "SHUFFLE_WINDOW", 3.0)
    sandbox.post("faults", webhooks="shuffle")
    receiver.gate.clear()
    for n in range(8):
        client.v1.customers.create({"name": str(n)})
    receiver.gate.set()
    receiver.wait_for(8)
    names = [event.data.object["name"] for event in receiver.events]
    assert sorted(names) == [str(n) for n in range(8)]
    assert names != sorted(names)


def test_delayed_events_come_late(client, sandbox, receiver):
    sandbox.post("faults", webhooks="delay", webhook_delay=2)
    client.v1.customers.create()
    assert sandbox.get("idle")["pending"] == 1
    assert receiver.events == []
    receiver.wait_for(1)


def test_ordered_errors_come_in_order_and_500_is_replayed(client, sandbox):
    sandbox.post("faults", api_errors=[429, 500, 0])
    with pytest.raises(stripe.RateLimitError):
        client.v1.customers.list()
    with pytest.raises(stripe.APIError) as failed:
        client.v1.customers.create({}, {"idempotency_key": "k"})
    assert failed.value.http_status == 500
    assert client.v1.customers.list().data == []
    with pytest.raises(stripe.APIError):
        client.v1.customers.create({}, {"idempotency_key": "k"})
    assert client.v1.customers.create({}, {"idempotency_key": "k2"}).id


def test_a_lost_answer_is_found_under_its_key(client, sandbox):
    sandbox.post("faults", api_errors=["timeout"])
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.create({}, {"idempotency_key": "k"})
    again = client.v1.customers.create({}, {"idempotency_key": "k"})
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(client.v1.customers.list().data) == 1


def test_random_errors_repeat_themselves(client, sandbox):
    def weather():
        sandbox.post("reset")
        sandbox.post("faults", api_error_rate=0.5)
        seen = []
        for _ in range(12):
            try:
                client.v1.customers.list()
                seen.append("ok")
            except (stripe.APIError, stripe.APIConnectionError) as error:
                seen.append(str(error.http_status))
        return seen

    first = weather()
    assert weather() == first
    assert 0 < first.count("ok") < 12


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {"advance": -1}),
        ("clock", {"advance": "1"}),
        ("clock", []),
        ("faults", {"webhooks": "never"}),
        ("faults", {"api_error_rate": 2}),
        ("faults", {"api_errors": [200]}),
        ("faults", {"rain": True}),
        ("webhooks/resend", {"event": "evt_x"}),
        ("events", {"type": "invoice.lost", "object": "in_x"}),
        ("events", {"type": "invoice.paid", "object": "in_x"}),
        ("cards", {"customer": "cus_x", "number": "4242424242424242"}),
    ],
)
def test_senseless_wishes_are_refused(standin, http, path, body):
    answer = http.post(f"{standin.url}/sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_any_published_event_can_be_sent(client, sandbox, receiver):
    product = client.v1.products.create({"name": "Support"})
    sandbox.post("events", type="product.deleted", object=product.id)
    receiver.wait_for(2)
    assert receiver.events[1].type == "product.deleted"
    assert receiver.events[1].data.object.id == product.id


def test_reset_forgets_everything_but_the_endpoint(client, sandbox, receiver):
    client.v1.customers.create()
    sandbox.settle()
    sandbox.post("reset")
    assert sandbox.get("state") == {"webhook_endpoint": 1}
    (endpoint,) = client.v1.webhook_endpoints.list().data
    assert endpoint.url == receiver.url


def test_the_dashboard_shows_and_moves(client, subscribed, http, standin, sandbox):
    subscription = subscribed()
    page = http.get(standin.url + "/").text
    assert subscription.id in page
    assert "olena@example.org" in page
    before = sandbox.get("clock")["now"]
    http.post(standin.url + "/clock", data={"days": "7"})
    assert sandbox.get("clock")["now"] >= before + 7 * DAY


def test_state_survives_a_restart(tmp_path, http):
    kept = tmp_path / "stripe.json"

    def run(act):
        server = start(webhook_secret=SECRET, data_file=kept)
        transport = stripe.RequestsClient()
        client = stripe.StripeClient(
            server.api_key, base_addresses={"api": server.url}, http_client=transport
        )
        try:
            return act(server, client)
        finally:
            transport.close()
            server.stop()

    def begin(server, client):
        http.post(server.url + "/sandbox/clock", json={"advance": DAY})
        return client.v1.customers.create({"name": "Olena"})

    customer = run(begin)
    found = run(lambda server, client: client.v1.customers.retrieve(customer.id))
    assert (found.name, found.created) == ("Olena", customer.created)
    later = run(lambda server, client: client.v1.customers.create())
    assert later.created >= customer.created


def test_it_runs_as_a_process_and_stops_when_told(tmp_path, http):
    command = [sys.executable, "-m", "sandbox.stripe", "--data", str(tmp_path / "stripe.json")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        answer = http.get(url + "/v1/account", headers={"Authorization": "Bearer sk_test_any"})
        assert answer.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with pytest.raises(requests.ConnectionError):
        http.get(url)


def test_what_happens_in_silence_is_told_by_no_event(client, sandbox):
    sandbox.post("faults", silent=True)
    customer = client.v1.customers.create({"name": "A"})
    assert "event" not in sandbox.get("state")
    sandbox.post("faults", silent=False)
    client.v1.customers.update(customer.id, {"name": "B"})
    assert sandbox.get("state")["event"] == 1
