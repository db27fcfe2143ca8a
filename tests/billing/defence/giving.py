"""What tests of the defence have in common: forms, solutions, declines, time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache

import altcha
from flask.testing import FlaskClient
from lxml import html
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from membership import clock
from membership.billing.defence import gate, proofs
from membership.billing.defence.models import CardFailure, CardTesting
from membership.billing.models import Checkout

FORM = {"interval": "once", "currency": "EUR", "amount": "5", "email": "reader@example.org"}
DECLINED = "4000000000000002"


def solve(challenge: str) -> str:
    """What a browser sends back."""
    puzzle = altcha.Challenge.from_dict(json.loads(challenge))
    solution = altcha.solve_challenge(puzzle)
    assert solution is not None
    return altcha.Payload(puzzle, solution).to_base64()


def challenge_of(page: TestResponse) -> str:
    """The challenge that stands in a form's page."""
    (found,) = html.fromstring(page.text).xpath("//form[@id='support']//@data-challenge")
    return str(found)


def send(client: FlaskClient, network: str = "192.0.2.1", **changes: str) -> TestResponse:
    return client.post("/support", data=FORM | changes, environ_overrides={"REMOTE_ADDR": network})


def admitted(email: str, network: str, solution: str | None = None) -> str | None:
    """None when the page may open, else the challenge."""
    try:
        gate.admit(email, network, solution)
    except gate.ChallengeNeededError as error:
        return error.challenge
    return None


@contextmanager
def later(delta: timedelta) -> Iterator[None]:
    with clock.fixed(clock.now() + delta):
        yield


def let_cards_be_tested(session: Session) -> None:
    """Card testing has begun, and twenty declines of one page keep it from ending."""
    now = clock.now()
    checkout = Checkout(
        email="tester@example.org", language="en", interval="once", state="completed",
        amount_minor=500, currency="EUR",
    )  # fmt: skip
    session.add_all([checkout, CardTesting(started_at=now)])
    session.flush()
    session.add_all(
        CardFailure(stripe_id=f"ch_bot_{number}", checkout_id=checkout.id, created_at=now)
        for number in range(20)
    )
    session.flush()


@cache
def a_solution() -> str:
    """One for all tests: each forgets that it was used."""
    return solve(proofs.challenge(1))
