"""The gate before a payment page: free, or against a proof of work used once."""

import base64
import json
import threading
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from membership import clock
from membership.billing.defence import attempts, proofs, rules
from membership.billing.defence.models import (
    CardFailure,
    CardTesting,
    GivingAttempt,
    SolvedChallenge,
)
from membership.billing.models import Checkout
from membership.db import transaction
from tests.billing.conftest import Stripe
from tests.billing.defence.giving import (
    FORM,
    a_solution,
    admitted,
    challenge_of,
    later,
    let_cards_be_tested,
    send,
    solve,
)
from tests.billing.reading import rows

MOST = rules.FREE_OF_NETWORK[600]


def test_below_the_limits_the_page_opens_and_nothing_else_changes(
    session: Session, stripe: Stripe, client: FlaskClient
) -> None:
    """[B16] No script, no field, no cookie more than before."""
    page = client.get("/support")
    assert "challenge" not in page.text
    assert "solution" not in page.text
    assert "by_mail" not in page.text
    assert send(client).status_code == 303
    (attempt,) = rows(session, GivingAttempt)
    assert len(attempt.prefix_hash) == len(attempt.email_hash) == 32
    assert rows(session, SolvedChallenge) == []


def test_a_network_is_asked_to_work_before_stripe_is_called(
    session: Session, stripe: Stripe, client: FlaskClient
) -> None:
    """[B16] [L11] What was typed is kept, and the answer opens the page."""
    for number in range(MOST):
        assert admitted(f"bot{number}@example.org", f"192.0.2.{number}") is None
    answer = send(client, "192.0.2.200", interval="month", message="For the reporters")
    assert answer.status_code == 429
    assert "For the reporters" in answer.text
    assert 'value="reader@example.org"' in answer.text
    assert "js/challenge.js" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert stripe.all("checkout.session") == []
    assert rows(session, Checkout) == []
    solution = solve(challenge_of(answer))
    assert send(client, "192.0.2.200", solution=solution).status_code == 303
    assert len(stripe.all("checkout.session")) == 1
    # Another network is not bothered.
    assert send(client, "198.51.100.7", email="other@example.org").status_code == 303


def test_an_address_is_asked_whatever_its_network(session: Session) -> None:
    """[B16] In whatever case it is written."""
    for number in range(rules.FREE_OF_EMAIL[3600]):
        assert admitted("Reader@example.org", f"198.51.{number}.1") is None
    assert admitted("reader@EXAMPLE.org", "203.0.113.1") is not None
    assert admitted("other@example.org", "203.0.113.1") is None
    with later(timedelta(minutes=61)):
        assert admitted("reader@example.org", "203.0.113.1") is None


def test_what_was_paid_counts_against_nobody(session: Session) -> None:
    """[B16] A newsroom behind one address, an evening with many guests."""
    for number in range(2 * MOST):
        assert admitted(f"guest{number}@example.org", "192.0.2.1") is None
        attempts.paid(session, f"guest{number}@example.org")


def test_paying_is_heard_of_once(session: Session, stripe: Stripe, client: FlaskClient) -> None:
    """[B16] One gift pays for one page."""
    first = send(client)
    send(client)
    stripe.pay(first.location)
    (event,) = stripe.events("checkout.session.completed")
    stripe.deliver_all()
    stripe.deliver(event | {"id": "evt_again"})
    stripe.deliver_all()
    paid = [attempt.completed_at is not None for attempt in rows(session, GivingAttempt)]
    assert sorted(paid) == [False, True]


def test_the_work_grows_with_what_was_opened(session: Session) -> None:
    """[B16] With answers, too; it is bounded, and nobody is refused."""
    now = clock.now()
    giver = attempts.Giver.of("bot@example.org", "192.0.2.1")
    lengths = []
    for count in (MOST, MOST, 2 * MOST, 4 * MOST, 40 * MOST):
        session.add_all(
            GivingAttempt(prefix_hash=giver.prefix_hash, email_hash=b"other", created_at=now)
            for _ in range(count)
        )
        session.flush()
        lengths.append(rules.level(attempts.asked(session, giver), is_tested=False))
    assert lengths == sorted(lengths)
    assert lengths[0] == 1
    assert lengths[-1] == rules.HARDEST


@pytest.mark.parametrize(
    "spoil",
    [
        lambda solution: "",
        lambda solution: "nonsense",
        lambda solution: solution[:-8],
        lambda solution: changed(solution, "challenge", "signature", "00" * 32),
        lambda solution: changed(solution, "solution", "derivedKey", "00" * 32),
        lambda solution: without_answer_key(solution),
        lambda solution: "A" * 100_000,
    ],
)
def test_only_a_right_answer_counts(session: Session, spoil: object) -> None:
    """[B16] Bound to this server's key."""
    assert callable(spoil)
    assert not proofs.spend(session, spoil(a_solution()))
    assert proofs.spend(session, a_solution())


def parts(solution: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(base64.b64decode(solution))
    return found


def packed(found: object) -> str:
    return base64.b64encode(json.dumps(found).encode()).decode()


def changed(solution: str, part: str, name: str, value: object) -> str:
    found = parts(solution)
    found[part][name] = value
    return packed(found)


def without_answer_key(solution: str) -> str:
    """Without it the answer would be computed anew, for a prefix that anyone may choose."""
    found = parts(solution)
    parameters = found["challenge"]["parameters"]
    assert isinstance(parameters, dict)
    del parameters["keySignature"]
    return packed(found)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(packed))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_is_no_error(session: Session, text: str) -> None:
    """[B16]"""
    assert not proofs.spend(session, text)


def test_an_answer_counts_once(session: Session) -> None:
    """[B16]"""
    let_cards_be_tested(session)
    assert admitted("one@example.org", "192.0.2.1", a_solution()) is None
    assert admitted("two@example.org", "198.51.100.1", a_solution()) is not None


def test_an_answer_is_not_used_up_when_none_is_needed(session: Session) -> None:
    """[B16]"""
    assert admitted("one@example.org", "192.0.2.1", a_solution()) is None
    let_cards_be_tested(session)
    assert admitted("one@example.org", "192.0.2.1", a_solution()) is None


def test_an_answer_that_took_too_long_is_none(session: Session) -> None:
    """[B16]"""
    with later(-proofs.LASTS):
        old = proofs.challenge(1)
    assert not proofs.spend(session, solve(old))


def test_of_many_forms_at_once_each_is_counted(committed: Engine, app: Flask) -> None:
    """[B16] No more pages open than one after another would."""
    outcomes: list[str | None] = []
    gate = threading.Barrier(8)

    def post(worker: int) -> None:
        with app.app_context():
            gate.wait()
            for number in range(MOST // 4):
                outcomes.append(admitted(f"bot{worker}-{number}@example.org", "192.0.2.1"))

    threads = [threading.Thread(target=post, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(None) == MOST


def test_one_answer_sent_many_times_at_once_counts_once(committed: Engine, app: Flask) -> None:
    """[B16]"""
    with transaction() as session:
        let_cards_be_tested(session)
    solution = a_solution()
    outcomes: list[str | None] = []
    gate = threading.Barrier(4)

    def post(worker: int) -> None:
        with app.app_context():
            gate.wait()
            outcomes.append(admitted(f"bot{worker}@example.org", f"192.0.{worker}.1", solution))

    threads = [threading.Thread(target=post, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(None) == 1


def test_the_proxy_alone_says_where_a_reader_comes_from(
    session: Session, stripe: Stripe, client: FlaskClient
) -> None:
    """[B16] What a reader writes into X-Forwarded-For stands before what our proxy adds."""
    for spoofed in ("203.0.113.9", "198.51.100.9, 203.0.113.9", "nonsense"):
        client.post(
            "/support",
            data=FORM,
            headers={"X-Forwarded-For": f"{spoofed}, 192.0.2.1"},
            environ_overrides={"REMOTE_ADDR": "127.0.0.1"},
        )
    assert len({attempt.prefix_hash for attempt in rows(session, GivingAttempt)}) == 1


def test_a_form_with_mistakes_keeps_its_answer(session: Session, client: FlaskClient) -> None:
    """[B16] It is not worked for twice."""
    page = send(client, amount="x", solution="an-answer")
    assert page.status_code == 422
    assert '<input type="hidden" name="solution" value="an-answer">' in page.text


def test_what_is_counted_is_forgotten_after_a_week(session: Session) -> None:
    """[S10]"""
    let_cards_be_tested(session)
    assert admitted("one@example.org", "192.0.2.1", a_solution()) is None
    models = (GivingAttempt, CardFailure, SolvedChallenge, CardTesting)

    def left() -> list[int]:
        return [session.scalar(select(func.count()).select_from(model)) or 0 for model in models]

    attempts.forget_old(session)
    assert left() == [1, 20, 1, 1]
    with later(timedelta(days=7, minutes=1)):
        attempts.forget_old(session)
        # What goes on is not forgotten.
        assert left() == [0, 0, 0, 1]
