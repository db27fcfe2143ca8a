"""`kill -9` of a worker in the middle of its work, and of its children alone."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.faults.steps import (
    Reader,
    assert_one_gift,
    events_of,
    let_go_of_mail,
    let_leases_run_out,
    locked,
    mails_about,
    personal_mails,
    redeliver,
    settle,
    unfinished,
    waits_for_lock,
)
from tests.system import System, kill, wait_until


def children(process: subprocess.Popen[bytes]) -> list[int]:
    task = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in task.read_text().split()]


@pytest.mark.parametrize("table", ["subscription", "outbox_email"])
def test_a_worker_dies_while_it_writes(system: System, table: str) -> None:
    """[B3] [M9] Whatever it was writing, another worker brings it to the same end.

    Only one event comes, so that no other can make up for it.
    """
    system.sandbox("faults", webhooks="drop")
    with Reader(system, f"killed-{table}@reader.example") as reader:
        reader.give()
        (event,) = [
            each
            for each in events_of(system, reader.email)
            if each["type"] == "checkout.session.completed"
        ]
        with system.stopped("worker"), system.extra_worker() as extra:
            with locked(system, table):
                assert redeliver(system, event) == 200
                system.wake("billing.process_events", times=3)
                wait_until(lambda: waits_for_lock(system), "a worker in the middle of its work")
                kill(extra)
            assert unfinished(system) == 1
        let_leases_run_out(system)
        settle(system)
        assert_one_gift(system, reader.email)


def test_only_the_children_die(system: System) -> None:
    """[M9] The worker itself lives on and gives the task to a new child."""
    with Reader(system, "children@reader.example") as reader:
        page = reader.checkout()
        with system.stopped("worker"), system.extra_worker() as extra:
            with locked(system, "donation"):
                assert reader.pay(page).status_code == 303
                system.wake("billing.process_events", times=3)
                wait_until(lambda: waits_for_lock(system), "a worker in the middle of its work")
                for pid in children(extra):
                    os.kill(pid, signal.SIGKILL)
            let_leases_run_out(system)
            settle(system)
            assert_one_gift(system, reader.email)
            assert extra.poll() is None


def test_a_worker_dies_while_the_mail_server_thinks(system: System) -> None:
    """[M2] [L16] Nobody knows whether that mail was taken: it goes once more, as the same mail."""
    with Reader(system, "stalled@reader.example") as reader:
        page = reader.checkout()
        with system.stopped("worker"), system.extra_worker() as extra:
            system.mail.misbehave(stall_after_data=True)
            assert reader.pay(page).status_code == 303
            system.wake("billing.process_events", times=3)
            wait_until(lambda: system.mails(reader.email), "a mail that was handed over")
            assert "sending" in dict(mails_about(system, reader.email)).values()
            kill(extra)
            system.mail.misbehave()
        let_go_of_mail(system, reader.email)
        settle(system)
        assert_one_gift_by_mail_ids(system, reader.email)


def assert_one_gift_by_mail_ids(system: System, email: str) -> None:
    """Welcome and receipt are two mails; the one in doubt came twice under one Message-ID."""
    wanted = [("receipt", "sent"), ("welcome", "sent")]
    wait_until(lambda: mails_about(system, email) == wanted, "welcome and receipt")
    arrived = personal_mails(system, email)
    assert len(arrived) == 3
    assert len({mail["headers"]["Message-ID"] for mail in arrived}) == 2
    assert len({mail["subject"] for mail in arrived}) == 2


def test_two_workers_share_a_heap_of_gifts(system: System) -> None:
    """[M9] [L16] One of them is killed while both work: each gift counts once, each mail is one.

    The one in hand when it died may come once more, under its Message-ID (rule M2).
    """
    system.sandbox("faults", webhooks="duplicate")
    emails = [f"heap{number}@reader.example" for number in range(4)]
    readers = [Reader(system, email) for email in emails]
    try:
        with system.extra_worker() as extra:
            for reader in readers:
                assert reader.pay(reader.checkout()).status_code == 303
                system.wake("billing.process_events", times=2)
            kill(extra)
        let_go_of_mail(system, *emails)
        settle(system)
        for reader in readers:
            assert_one_gift(system, reader.email, in_doubt=True)
    finally:
        for reader in readers:
            reader.browser.close()
