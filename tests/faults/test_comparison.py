"""Events that never came, and changes that no event told of: in the end both sides agree."""

from typing import Any

import requests

from tests.faults.steps import (
    Reader,
    assert_one_gift,
    at_stripe,
    donations,
    ledger,
    renew,
    settle,
    subscriptions,
    wait_for_gift,
)
from tests.system import System, wait_until

DAY = 86_400


def unrepaired(system: System) -> list[dict[str, Any]]:
    return system.rows("SELECT * FROM difference WHERE repaired_at IS NULL")


def compare(system: System) -> dict[str, Any]:
    """What beat wakes every night; the finished run."""
    before = system.scalar("SELECT coalesce(max(id), 0) FROM comparison")
    # As if the last night were long ago.
    system.rows("UPDATE comparison SET started_at = started_at - interval '2 days'")
    system.wake("billing.compare")

    def done() -> list[dict[str, Any]]:
        return system.rows(
            "SELECT * FROM comparison WHERE id > :before AND finished_at IS NOT NULL",
            before=before,
        )

    return wait_until(done, "the end of the comparison", 60)[0]


def found_by(system: System, run: dict[str, Any]) -> list[dict[str, Any]]:
    return system.rows("SELECT * FROM difference WHERE comparison_id = :id", id=run["id"])


def go_to_the_eve_of_renewal(system: System, email: str) -> None:
    now = requests.get(f"{system.stripe}/sandbox/clock", timeout=30).json()["now"]
    due = subscriptions(system, email)[-1]["current_period_end_at"].timestamp()
    system.sandbox("clock", advance=int(due) - now - DAY // 2)


def test_a_day_without_webhooks_is_made_good(system: System) -> None:
    """[B4] New gifts, a renewal, a refund and an end, unheard; then the backfill finds all."""
    with (
        Reader(system, "unheard-before@reader.example") as old,
        Reader(system, "unheard-monthly@reader.example") as monthly,
        Reader(system, "unheard-once@reader.example") as once,
    ):
        old.give()
        wait_for_gift(system, old.email)
        compare(system)
        go_to_the_eve_of_renewal(system, old.email)
        settle(system)
        system.sandbox("faults", webhooks="drop")
        monthly.give()
        once.give(interval="once", amount="20")
        renew(system, old.email)
        charges = system.stripe_api("GET", "charges", limit="100")["data"]
        (charge,) = (each for each in charges if each["billing_details"]["email"] == once.email)
        system.stripe_api("POST", "refunds", charge=charge["id"], amount="500")
        (given,) = at_stripe(system, monthly.email, "subscriptions")
        system.stripe_api("POST", f"subscriptions/{given['id']}", cancel_at_period_end="true")
        system.sandbox("clock", advance=DAY // 2)
        system.sandbox("faults", webhooks="ok")
        assert subscriptions(system, monthly.email) == []
        assert len(donations(system, old.email)) == 1

        system.wake("billing.backfill")
        wait_until(lambda: len(donations(system, once.email)) == 1, "the one-time gift")
        wait_until(lambda: len(donations(system, old.email)) == 2, "the renewal")
        settle(system)
        assert [s["state"] for s in subscriptions(system, monthly.email)] == ["cancel_scheduled"]
        assert ledger(system, monthly.email) == [("new", 500)]
        assert donations(system, once.email)[0]["refunded_minor"] == 500
        run = compare(system)
        assert found_by(system, run) == []
        assert run["subscriptions"] > 2
        assert unrepaired(system) == []


def test_a_change_that_no_event_told_of_is_repaired_and_audited(system: System) -> None:
    """[B4] [D7] An end and a payment: found at night, repaired, written down; the story goes on."""
    with (
        Reader(system, "silent@reader.example") as reader,
        Reader(system, "silent-new@reader.example") as new,
    ):
        reader.give()
        wait_for_gift(system, reader.email)
        compare(system)
        system.sandbox("faults", silent=True)
        new.give()
        (given,) = at_stripe(system, reader.email, "subscriptions")
        system.stripe_api("DELETE", f"subscriptions/{given['id']}")
        system.sandbox("faults", silent=False)
        run = compare(system)
        rows = found_by(system, run)
        assert all(row["repaired_at"] for row in rows), rows
        ended = next(row for row in rows if row["stripe_id"] == given["id"])
        assert ended["fields"]["state"] == ["active", "ended"]
        assert subscriptions(system, reader.email)[0]["state"] == "ended"
        assert ledger(system, reader.email) == [("new", 500), ("churn_voluntary", -500)]
        assert_one_gift(system, new.email)
        audited = system.rows("SELECT detail FROM audit_entry WHERE action = 'difference.repaired'")
        written = {entry["detail"]["stripe_id"] for entry in audited}
        assert written >= {row["stripe_id"] for row in rows}
        system.flask("audit", "verify")
        assert "Differences: 0." in system.flask("billing", "reconcile")
