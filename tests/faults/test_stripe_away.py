"""Stripe's API fails, is overloaded, hangs up, or never answers."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest

from tests.faults.steps import (
    Reader,
    assert_one_gift,
    at_stripe,
    donations,
    form_of,
    let_leases_run_out,
    renew,
    settle,
    subscriptions,
    wait_for_gift,
)
from tests.system import System, wait_until

# The official client tries three times by itself.
TRIES = 3
# Twice while a reader waits.
PAGE_TRIES = 2
# Less than the proxy waits for a page (config/nginx.conf).
LONGEST_WAIT = 25


@pytest.mark.parametrize("fault", [500, 503, 429])
def test_no_payment_page_while_stripe_is_away(system: System, fault: int) -> None:
    """[B7] A plain page with what was typed, nothing half done; the same form works later.

    For the same idempotency key Stripe repeats a 500 all day, so one is enough.
    """
    with Reader(system, f"away-{fault}@reader.example") as reader:
        wish = reader.wish()
        system.sandbox("faults", api_errors=[fault])
        answer = reader.post("/support", wish)
        assert answer.status_code == 503
        assert "Nothing was charged" in answer.text
        assert reader.email in answer.text
        assert "Traceback" not in answer.text
        assert subscriptions(system, reader.email) == donations(system, reader.email) == []

        again = reader.post("/support", wish)
        assert again.status_code == 303
        assert reader.pay(again.headers["Location"]).status_code == 303
        settle(system)
        assert_one_gift(system, reader.email)
        made = "SELECT state FROM checkout WHERE email = :email AND completed_at IS NOT NULL"
        assert len(system.rows(made, email=reader.email)) == 1


def test_an_answer_that_got_lost_is_asked_for_again(system: System) -> None:
    """[B7] Stripe did the work and then hung up: there is one page to pay on."""
    with Reader(system, "lost@reader.example") as reader:
        wish = reader.wish()
        before = sessions_at(system, reader.email)
        system.sandbox("faults", api_errors=["timeout"])
        answer = reader.post("/support", wish)
        assert answer.status_code == 303
        (made,) = sessions_at(system, reader.email) - before
        assert made in answer.headers["Location"]


def sessions_at(system: System, email: str) -> set[str]:
    sessions = system.stripe_api("GET", "checkout/sessions", limit="100")["data"]
    return {each["id"] for each in sessions if each["customer_email"] == email}


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([500] * TRIES + [503] * TRIES, id="500"),
        pytest.param([429] * TRIES * 2, id="429"),
        pytest.param(["timeout"] * TRIES * 2, id="timeout"),
        # What was read so far is worth nothing when the next request fails.
        pytest.param([0] + [500] * TRIES + [0, 0] + ["timeout"] * TRIES, id="in the middle"),
    ],
)
def test_events_survive_failures_of_the_api(
    system: System, faults: list[Any], request: Any
) -> None:
    """[L6] Fails twice, then works: exactly one donation."""
    name = request.node.callspec.id.replace(" ", "-")
    set_aside = "SELECT count(*) FROM stripe_event WHERE state = 'failed'"
    before = system.scalar(set_aside)
    with Reader(system, f"events-{name}@reader.example") as reader:
        page = reader.checkout()
        system.sandbox("faults", api_errors=faults)
        assert reader.pay(page).status_code == 303

        def have_failed() -> bool:
            let_leases_run_out(system)
            return system.sandbox("faults")["api_errors"] == []

        wait_until(have_failed, "the end of the failures", 60)
        let_leases_run_out(system)
        wait_for_gift(system, reader.email)
        settle(system)
        assert_one_gift(system, reader.email)
        assert system.scalar(set_aside) == before


def test_one_renewal_that_hits_an_outage(system: System) -> None:
    """[L6] One blip of the API cost others a renewal."""
    with Reader(system, "renewal-blip@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        settle(system)
        system.sandbox("faults", api_error_rate=1)
        renew(system, reader.email)
        failed = "SELECT count(*) FROM stripe_event WHERE state = 'pending' AND attempts >= 1"
        wait_until(lambda: system.scalar(failed), "a failed attempt")
        assert len(donations(system, reader.email)) == 1
        system.sandbox("faults", api_error_rate=0)
        let_leases_run_out(system)
        wait_until(lambda: len(donations(system, reader.email)) == 2, "the renewal", 60)
        settle(system)
        assert len(donations(system, reader.email)) == 2
        (live,) = at_stripe(system, reader.email, "subscriptions")
        assert live["status"] == subscriptions(system, reader.email)[0]["state"] == "active"


@contextmanager
def listening() -> Iterator[tuple[str, list[socket.socket]]]:
    """A server that takes every connection and never says a word, and who has connected."""
    callers: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    callers.append(server.accept()[0])
                except OSError:
                    return

        taking = Thread(target=take)
        taking.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", callers
        finally:
            server.shutdown(socket.SHUT_RDWR)
            taking.join()
            for each in callers:
                each.close()


def test_stripe_never_answers(system: System) -> None:
    """[B7] Two tries of a few seconds, then the same plain page as for an error."""
    with (
        Reader(system, "silence@reader.example") as reader,
        listening() as (address, callers),
        system.extra_web(STRIPE_API_BASE=address) as web,
    ):
        wish = reader.wish()
        reader.web = web.url
        began = time.monotonic()
        answer = reader.post("/support", wish)
        assert time.monotonic() - began < LONGEST_WAIT
        assert 1 <= len(callers) <= 2
        assert answer.status_code == 503
        assert "Nothing was charged" in answer.text
        reader.web = system.web
        again = reader.post("/support", wish)
        assert again.status_code == 303
        assert reader.pay(again.headers["Location"]).status_code == 303
        assert_one_gift(system, reader.email)


# (how many requests go well first, what then goes wrong): reading, and writing what was read.
OUTAGES = [(0, 500), (0, 429), (0, "timeout"), (1, 500), (1, 503), (1, 429)]


@pytest.mark.parametrize("act", ["change", "pause", "cancel"])
def test_an_outage_changes_nothing_of_what_is_given(system: System, act: str) -> None:
    """[B9] [B10] A plain page after two tries, nothing half done; the same form works later."""
    with Reader(system, f"outage-{act}@reader.example") as reader:
        reader.give()
        wait_for_gift(system, reader.email)
        reader.sign_in()
        settle(system)
        path, form = form_to(reader, act)
        before = at_both(system, reader.email)
        for well, fault in OUTAGES:
            system.sandbox("faults", api_errors=["ok"] * well + [fault] * 8)
            answer = reader.post(path, form)
            left = len(system.sandbox("faults")["api_errors"])
            system.sandbox("faults", api_errors=[])
            assert answer.status_code == 503, (well, fault)
            assert "<h1" in answer.text
            assert "Traceback" not in answer.text
            assert 8 - left <= PAGE_TRIES, (well, fault)
            assert at_both(system, reader.email) == before, (well, fault)
        assert reader.post(path, form).status_code == 303
        settle(system)
        assert at_both(system, reader.email) != before


def form_to(reader: Reader, act: str) -> tuple[str, dict[str, Any]]:
    """The last form on the way to an act on one's own pages, and where it is sent."""
    path = f"/account/{act}"
    form = form_of(reader.get(path), path)
    if act != "change":
        return path, form
    wish = {"interval": "month", "preset_month": "other", "amount": "7"}
    preview = reader.post(path, form | wish)
    return "/account/change/confirm", form_of(preview, "/account/change/confirm")


def at_both(system: System, email: str) -> Any:
    """What Stripe and our row say of the one agreement."""
    (given,) = at_stripe(system, email, "subscriptions")
    (row,) = subscriptions(system, email)
    return given, {name: value for name, value in row.items() if name != "synced_at"}
