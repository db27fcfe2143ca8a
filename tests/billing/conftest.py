"""A running Stripe stand-in that the application speaks with, a reader who pays, its events."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from stripe import WebhookSignature

from config.settings import Settings
from membership import clock
from membership.accounts.models import Account
from membership.billing import inbox
from sandbox.stripe.server import Server, start
from tests.billing.reading import row

SECRET = "whsec_tests"
CARD = {
    "email": "reader@example.org",
    "cardExpiry": "12 / 34",
    "cardCvc": "123",
    "billingName": "Olena Koval",
}


def sign(body: str, secret: str = SECRET, at: int | None = None) -> str:
    return WebhookSignature.generate_signature_header(
        body, secret, at or int(clock.now().timestamp())
    )


@dataclass
class Stripe:
    """The stand-in as a test sees it. Its events wait here until the test delivers them."""

    server: Server
    http: requests.Session
    receiver: FlaskClient
    delivered: set[str] = field(default_factory=set)

    def sandbox(self, path: str, **body: Any) -> Any:
        answer = self.http.post(f"{self.server.url}/sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def api(self, path: str, method: str = "POST", **form: str) -> Any:
        """What staff do at Stripe's own pages."""
        answer = self.http.request(
            method,
            f"{self.server.url}/v1/{path}",
            data=form,
            headers={"Authorization": f"Bearer {self.server.api_key}"},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pay(self, url: str, number: str = "4242424242424242", **changes: str) -> requests.Response:
        form = {**CARD, "cardNumber": number, **changes}
        return self.http.post(url, data=form, allow_redirects=False)

    def all(self, kind: str) -> list[dict[str, Any]]:
        with self.server.world.lock:
            return [dict(each) for each in self.server.world.all(kind)]

    def change(self, object_id: str, **values: Any) -> None:
        """Let an object be another than it became by itself; no event tells of it."""
        with self.server.world.lock:
            self.server.world.objects[object_id].update(values)

    def events(self, *types: str) -> list[dict[str, Any]]:
        """What was not delivered yet, oldest first."""
        return [
            event
            for event in self.all("event")
            if event["id"] not in self.delivered and (not types or event["type"] in types)
        ]

    def deliver(self, event: dict[str, Any]) -> None:
        body = json.dumps(event)
        headers = {"Stripe-Signature": sign(body)}
        answer = self.receiver.post("/webhooks/stripe", data=body, headers=headers)
        assert answer.status_code == 200, answer.text
        self.delivered.add(event["id"])

    def deliver_all(self) -> None:
        """Every event that waits, and all work that follows."""
        for event in self.events():
            self.deliver(event)
        inbox.process_due()

    def move_clock(self, days: float) -> None:
        self.sandbox("clock", advance=int(days * 86_400))


@pytest.fixture(scope="session")
def standin() -> Iterator[Server]:
    server = start(webhook_secret=SECRET)
    yield server
    server.stop()


@pytest.fixture
def stripe(standin: Server, app: Flask, settings: Settings) -> Iterator[Stripe]:
    """A fresh stand-in, and the application set to speak with it."""
    app.extensions["kava.settings"] = settings.model_copy(
        update={"stripe_api_base": standin.url, "stripe_secret_key": standin.api_key}
    )
    app.config["WTF_CSRF_ENABLED"] = False
    with requests.Session() as http:
        http.trust_env = False
        found = Stripe(standin, http, app.test_client())
        found.sandbox("reset")
        yield found
    app.extensions["kava.settings"] = settings
    for name in ("kava.stripe", "kava.stripe.pages"):
        client = app.extensions.pop(name, None)
        if client is not None:
            client._requestor._client.close()


@pytest.fixture
def give(stripe: Stripe, client: FlaskClient) -> Callable[..., str]:
    """Sends the support form; gives back the address of the payment page."""

    def act(browser: FlaskClient | None = None, **changes: str) -> str:
        form = {"interval": "month", "currency": "EUR", "amount": "5",
                "email": "reader@example.org", **changes}  # fmt: skip
        answer = (browser or client).post("/support", data=form)
        assert answer.status_code == 303, answer.text
        assert answer.location.startswith(stripe.server.url)
        return str(answer.location)

    return act


def patron(
    session: Session,
    stripe: Stripe,
    give: Callable[..., str],
    signed_in: Callable[[Session, Account], FlaskClient],
) -> FlaskClient:
    """The browser of somebody who gives every month, and has signed in."""
    stripe.pay(give())
    stripe.deliver_all()
    return signed_in(session, row(session, Account))
