"""A running stand-in, the official client, a receiver of webhooks, and a reader who pays."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
import stripe

from sandbox.stripe.server import Server, start

SECRET = "whsec_tests"
DAY = 86_400
WAIT = 60.0


@dataclass
class Receiver:
    """Keeps what it is sent, after checking its signature; ``answers`` are statuses to give."""

    events: list[stripe.Event] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes, signature: str) -> int:
        event = stripe.Webhook.construct_event(body, signature, SECRET)
        self.gate.wait(WAIT)
        with self.arrived:
            self.events.append(event)
            self.arrived.notify_all()
            return self.answers.pop(0) if self.answers else 200

    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def wait_for(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.events) >= count, WAIT), self.types()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()
    kept.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = kept.take(body, self.headers["Stripe-Signature"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}/webhooks/stripe"
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def standin(receiver: Receiver) -> Iterator[Server]:
    server = start(webhook_url=receiver.url, webhook_secret=SECRET)
    yield server
    server.stop()


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """A browser without JavaScript."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def client(standin: Server) -> Iterator[stripe.StripeClient]:
    transport = stripe.RequestsClient()
    yield stripe.StripeClient(
        standin.api_key,
        base_addresses={"api": standin.url},
        http_client=transport,
        max_network_retries=0,
    )
    transport.close()


@dataclass
class Sandbox:
    """The ``/sandbox/*`` endpoints."""

    url: str
    http: requests.Session

    def post(self, path: str, **body: Any) -> Any:
        answer = self.http.post(f"{self.url}/sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        return self.http.get(f"{self.url}/sandbox/{path}").json()

    def advance(self, seconds: int) -> int:
        return int(self.post("clock", advance=seconds)["now"])

    def settle(self) -> None:
        """Waits until no webhook is under way."""
        deadline = time.monotonic() + WAIT
        while self.get("idle")["pending"]:
            assert time.monotonic() < deadline, "webhooks are still under way"
            time.sleep(0.01)


@pytest.fixture
def sandbox(standin: Server, http: requests.Session) -> Sandbox:
    return Sandbox(standin.url, http)


PRICE = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Support"}}
Session = stripe.checkout.Session


def monthly(**changes: Any) -> dict[str, Any]:
    """Parameters of a checkout for monthly support."""
    interval = changes.pop("interval", "month")
    price = {**PRICE, "recurring": {"interval": interval}}
    return {
        "mode": "subscription",
        "line_items": [{"price_data": price, "quantity": 1}],
        "success_url": "http://localhost/thanks?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://localhost/support",
        "client_reference_id": "41",
        "metadata": {"checkout": "41"},
        "subscription_data": {"metadata": {"checkout": "41"}},
        **changes,
    }


def once(**changes: Any) -> dict[str, Any]:
    """Parameters of a checkout for a single gift."""
    return {
        "mode": "payment",
        "line_items": [{"price_data": PRICE, "quantity": 1}],
        "success_url": "http://localhost/thanks?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://localhost/support",
        "submit_type": "donate",
        "payment_intent_data": {"metadata": {"checkout": "42"}},
        **changes,
    }


CARD = {
    "email": "olena@example.org",
    "cardNumber": "4242 4242 4242 4242",
    "cardExpiry": "12 / 34",
    "cardCvc": "123",
    "billingName": "Olena Koval",
}


@pytest.fixture
def submit(http: requests.Session) -> Callable[..., requests.Response]:
    """Fills in the card form of a hosted page."""

    def act(url: str, number: str = "4242424242424242", **changes: str) -> requests.Response:
        form = {**CARD, "cardNumber": number, **changes}
        return http.post(url, data=form, allow_redirects=False)

    return act


@pytest.fixture
def subscribed(
    client: stripe.StripeClient, submit: Callable[..., requests.Response]
) -> Callable[..., stripe.Subscription]:
    """A subscription that came about on the hosted page."""

    def act(number: str = "4242424242424242", **changes: Any) -> stripe.Subscription:
        session = client.v1.checkout.sessions.create(monthly(**changes))
        assert submit(session.url, number).status_code == 303
        done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
        return done.subscription

    return act
