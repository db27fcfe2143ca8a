"""`kill -9` between what Stripe has done for us and our note of it."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import requests

from tests.faults.steps import (
    Reader,
    assert_one_gift,
    at_stripe,
    donations,
    events_of,
    form_of,
    held,
    ledger,
    let_leases_run_out,
    redeliver,
    settle,
    stripe_now,
    subscriptions,
    unfinished,
    wait_for_all_mails,
    wait_for_gift,
    waits_for_lock,
)
from tests.faults.test_stripe_away import sessions_at
from tests.system import System, Web, kill, wait_until


def test_the_payment_page_is_there_and_nobody_was_told(system: System) -> None:
    """[B7] The same form again asks with the same key: one payment page, one subscription."""
    with Reader(system, "webkilled@reader.example") as reader:
        wish = reader.wish()
        with system.extra_web() as web, held(system, "checkout", "UPDATE"):
            reader.web = web.url
            kill_in_the_middle(system, web, lambda: reader.post("/support", wish))
            (page,) = sessions_at(system, reader.email)
            noted = "SELECT state, stripe_session_id FROM checkout WHERE email = :email"
            assert system.rows(noted, email=reader.email) == [
                {"state": "started", "stripe_session_id": None}
            ]
        reader.web = system.web
        again = reader.post("/support", wish)
        assert again.status_code == 303
        assert page in again.headers["Location"]
        assert sessions_at(system, reader.email) == {page}
        assert reader.pay(again.headers["Location"]).status_code == 303
        settle(system)
        assert_one_gift(system, reader.email)


def kill_in_the_middle(system: System, web: Web, ask: Callable[[], Any]) -> None:
    """Kill a server once it waits within `held()`; who asked sees the connection break."""
    broken: list[Exception] = []

    def asked() -> None:
        try:
            ask()
        except requests.ConnectionError as error:
            broken.append(error)

    asking = Thread(target=asked)
    asking.start()
    wait_until(lambda: waits_for_lock(system), "a server in the middle of its work")
    web.kill()
    asking.join()
    assert broken


def test_a_second_gift_was_given_back_and_nobody_noted_it(system: System) -> None:
    """[B6] [B7] The next worker asks with the same key: it is given back once, and told once."""
    email = "keptsecond@reader.example"
    with Reader(system, email) as here, Reader(system, email) as there:
        here.give()
        wait_for_gift(system, email)
        settle(system)
        system.sandbox("faults", webhooks="drop")
        began = stripe_now(system)
        there.give(amount="7")
    (event,) = [
        each
        for each in events_of(system, email, began)
        if each["type"] == "customer.subscription.created"
        and each["data"]["object"]["items"]["data"][0]["price"]["unit_amount"] == 700
    ]
    with system.stopped("worker"), system.extra_worker() as extra:
        with held(system, "audit_entry", "INSERT"):
            assert redeliver(system, event) == 200
            system.wake("billing.process_events", times=3)
            wait_until(lambda: waits_for_lock(system), "a worker in the middle of its work")
            kill(extra)
            assert given_back(system, email) == [0, 700]
        assert unfinished(system) == 1
        assert len(subscriptions(system, email)) == 1
    let_leases_run_out(system)
    settle(system)
    assert given_back(system, email) == [0, 700]
    assert [each["state"] for each in subscriptions(system, email)] == ["active", "ended"]
    assert sorted(each["refunded_minor"] for each in donations(system, email)) == [0, 700]
    assert ledger(system, email) == [("new", 500)]
    wait_for_all_mails(system, email)
    told = [mail for mail in system.mails(email) if "€7" in mail["text"]]
    assert len(told) == 1


def given_back(system: System, email: str) -> list[int]:
    return sorted(each["amount_refunded"] for each in at_stripe(system, email, "charges"))


def test_money_was_given_back_by_staff_and_nobody_noted_it(system: System) -> None:
    """[B7] The row was there first: its form, sent again, and the worker ask with the same key."""
    with (
        Reader(system, "refundkilled@reader.example") as reader,
        Reader(system, "staff@kava.example") as staff,
    ):
        reader.give()
        settle(system)
        staff.sign_in()
        (donation,) = donations(system, reader.email)
        path = f"/staff/patrons/{donation['account_id']}/donations/{donation['id']}/refund"
        form = form_of(staff.get(path), path) | {"amount": "2", "reason": "They asked for it."}
        with (
            system.extra_web() as web,
            system.stopped("worker"),
            held(system, "refund", "UPDATE"),
        ):
            staff.web = web.url
            kill_in_the_middle(system, web, lambda: staff.post(path, form))
            assert given_back(system, reader.email) == [200]
            assert refunds(system, donation["id"]) == [("asked", 200)]
        staff.web = system.web
        assert staff.post(path, form).status_code == 303
        system.wake("billing.finish_refunds", times=2)
        wait_until(lambda: refunds(system, donation["id"]) == [("done", 200)], "the refund's end")
        settle(system)
        assert given_back(system, reader.email) == [200]
        assert [each["refunded_minor"] for each in donations(system, reader.email)] == [200]
        assert len(at_stripe(system, reader.email, "charges")) == 1


def refunds(system: System, donation: int) -> list[tuple[str, int]]:
    rows = system.rows(
        "SELECT state, amount_minor FROM refund WHERE donation_id = :id", id=donation
    )
    return [(row["state"], row["amount_minor"]) for row in rows]
