"""What befell the givers of the demo: told by the same rules, whoever tells a block of them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from config.settings import COFFEE, Tier
from membership.billing.amounts import CardFee
from membership.billing.dunning import rules
from membership.money import Money, from_major
from membership.seed import blocks
from membership.seed.asks import Trial
from membership.seed.blocks import Plan
from membership.seed.books import TABLES
from membership.seed.calendar import Span, months_later

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
CURRENCIES = ("EUR", "USD", "UAH", "GBP", "PLN")
PLAN = Plan(
    seed=7,
    givers=1_300,
    span=Span(months_later(NOW, -36), NOW),
    tiers={
        code: tuple(Tier("a tier", COFFEE[code] * times) for times in (1, 3, 8))
        for code in CURRENCIES
    },
    fees={code: CardFee(Fraction(3, 100), Money(30, code)) for code in CURRENCIES},
    coffee=from_major(4, "EUR"),
    stories=tuple((number, NOW - timedelta(days=900 - 60 * number)) for number in range(1, 15)),
    trial=Trial(NOW - timedelta(days=54), NOW - timedelta(days=19), (1, 2, 2)),
    first_account=4,
)
Rows = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def told() -> Rows:
    """All rows, as text."""
    found: Rows = {table: [] for table in TABLES}
    for block in blocks.told(PLAN):
        for table, row in _rows(block.lines):
            found[table].append(row)
    return found


def _rows(lines: dict[str, bytes]) -> Iterator[tuple[str, dict[str, str]]]:
    for table, columns in TABLES.items():
        names = columns.replace(" ", "").split(",")
        for line in lines[table].decode().splitlines():
            yield table, dict(zip(names, line.split("\t"), strict=True))


def having(rows: list[dict[str, str]], **values: str) -> list[dict[str, str]]:
    return [row for row in rows if values.items() <= row.items()]


def test_every_history_is_in_it(told: Rows) -> None:
    movements = {row["movement"] for row in told["ledger_entry"]}
    assert movements == {
        "new", "expansion", "contraction", "churn_voluntary", "churn_involuntary", "reactivation",
    }  # fmt: skip
    subscriptions = told["subscription"]
    assert {row["state"] for row in subscriptions} == {
        "active", "past_due", "paused", "cancel_scheduled", "ended",
    }  # fmt: skip
    reasons = {row["end_reason"] for row in subscriptions}
    assert {"voluntary", "payment_failed", "dispute", "fraud"} <= reasons
    assert {row["currency"] for row in subscriptions} == set(CURRENCIES)
    assert {row["interval"] for row in subscriptions} == {"month", "year"}
    soon = (NOW + timedelta(days=60)).date().isoformat()
    assert any(row["card_expires_on"] < soon for row in having(subscriptions, state="active"))
    paid_on = {datetime.fromisoformat(row["paid_at"]).strftime("%m-%d") for row in told["donation"]}
    assert {"01-31", "02-28", "04-30"} <= paid_on
    assert {row["state"] for row in told["checkout"]} == {"completed", "expired"}
    assert {"t", "f"} == {row["cover_fees"] for row in told["checkout"]}
    assert {"1", "2", "\\N"} == {row["ask_variant_id"] for row in told["checkout"]}


def test_money_goes_back_in_every_way(told: Rows) -> None:
    donations = {row["id"]: row for row in told["donation"]}
    backs = [(donations[row["donation_id"]], row) for row in told["refund"]]
    parts = {int(back["amount_minor"]) / int(gift["amount_minor"]) for gift, back in backs}
    assert min(parts) < 1 == max(parts)
    assert {row["status"] for row in told["dispute"]} == {"needs_response", "won", "lost"}
    for row in told["dispute"]:
        taken = donations[row["donation_id"]]["disputed_at"]
        assert taken == ("\\N" if row["status"] == "won" else row["opened_at"])


def test_failed_payments_are_told_as_dunning_tells_them(told: Rows) -> None:
    """[D3] By the same rules; a recovered one is paid by the invoice that failed."""
    paid = {row["stripe_invoice_id"] for row in told["donation"]}
    ways = {row["recovered_by"] for row in told["dunning"]}
    assert ways == {"mail", "retry", "patron", "\\N"}
    for row in told["dunning"]:
        needs_action = row["decline_code"] == "authentication_required"
        assert row["kind"] == rules.kind(row["decline_code"], needs_action)
        assert (row["stripe_invoice_id"] in paid) == (row["recovered_by"] != "\\N")
        assert 1 <= int(row["letters"]) <= len(rules.LETTER_DAYS)
    open_ones = having(told["dunning"], recovered_at="\\N", given_up_at="\\N")
    past_due = {row["id"] for row in having(told["subscription"], state="past_due")}
    assert {row["subscription_id"] for row in open_ones} == past_due
    assert all(row["next_letter_at"] > NOW.isoformat() for row in open_ones)


def test_some_who_leave_say_why(told: Rows) -> None:
    assert len({row["reason"] for row in told["leaving"]}) == 6
    assert {row["comment"] == "\\N" for row in told["leaving"]} == {True, False}


def test_nothing_is_told_of_what_is_to_come(told: Rows) -> None:
    ahead = {"current_period_end_at", "resumes_at", "due_at", "next_attempt_at", "next_letter_at"}
    for table, rows in told.items():
        for row in rows:
            for name, value in row.items():
                if name.endswith("_at") and name not in ahead and value != "\\N":
                    assert datetime.fromisoformat(value) <= NOW, (table, name, row)


def test_processes_tell_the_same(monkeypatch: pytest.MonkeyPatch, told: Rows) -> None:
    monkeypatch.setattr(blocks, "FEW", 0)
    again: Rows = {table: [] for table in TABLES}
    for block in blocks.told(PLAN):
        for table, row in _rows(block.lines):
            again[table].append(row)
    assert again == told


def test_another_seed_tells_other_lives() -> None:
    few = replace(PLAN, givers=3)
    assert blocks.tell(few, 0) == blocks.tell(few, 0)
    assert blocks.tell(few, 0) != blocks.tell(replace(few, seed=8), 0)
