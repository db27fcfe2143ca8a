"""What one line of an export tells."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from membership.arrivals import ghost, patreon, steady, table, told
from membership.arrivals.told import Told
from membership.money import Money
from tests.arrivals import exports
from tests.arrivals.exports import NOW

READERS = {"patreon": patreon, "steady": steady, "ghost": ghost}


def tell(source: str, text: str | bytes, now: datetime = NOW) -> list[Told]:
    reader: Any = READERS[source]
    content = text.encode() if isinstance(text, str) else text
    found = table.read(io.BytesIO(content), reader.COLUMNS)
    return [reader.tell(each, now) for each in found.rows]


def one(source: str, text: str) -> Told:
    [found] = tell(source, text)
    return found


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_patreon() -> None:
    found = one("patreon", exports.patreon(exports.patron()))
    assert (found.source_id, found.email, found.name) == (
        "70001", "patron1@example.org", "Olena Koval",
    )  # fmt: skip
    assert found.support == told.Support(
        state="active",
        amount=Money(500, "USD"),
        interval="month",
        tier="A coffee",
        since_at=datetime(2025, 3, 1, 9, 30, 0, 123456, tzinfo=UTC),
        paid_until_at=day("2026-04-01 07:00"),
    )


@pytest.mark.parametrize(
    ("changes", "state", "until"),
    [
        ({"Next Charge Date": ""}, "active", "2026-04-01 09:12"),
        ({"Access Expiration": "2026-03-20 00:00:00"}, "active", "2026-03-20"),
        # A month after the last charge, whatever day the line says; without it, after the import.
        ({"Access Expiration": "2098-12-31"}, "active", "2026-04-04 09:12"),
        ({"Next Charge Date": "2098-12-31"}, "active", "2026-04-04 09:12"),
        ({"Access Expiration": "2098-12-31", "Last Charge Date": ""}, "active", "2026-04-13 12:00"),
        ({"Patron Status": "Former patron", "Access Expiration": "2026-03-31"}, "cancelled",
         "2026-03-31"),
        # Without a word of access: what was charged lasts a month, and no next charge counts.
        ({"Patron Status": "Former patron"}, "cancelled", "2026-04-01 09:12"),
        ({"Patron Status": "Declined patron", "Last Charge Status": "Declined",
          "Access Expiration": "2026-03-15"}, "cancelled", "2026-03-15"),
        ({"Charge Frequency": "annual", "Last Charge Date": "2025-09-30", "Next Charge Date": ""},
         "active", "2026-09-30"),
    ],
)  # fmt: skip
def test_patreon_until_the_paid_period_ends(
    changes: dict[str, str], state: str, until: str
) -> None:
    """[L25] Also of who has cancelled, or whose next payment failed."""
    support = one("patreon", exports.patreon(exports.patron(**changes))).support
    assert support is not None
    assert (support.state, support.paid_until_at) == (state, day(until))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Patron Status": ""}, "free"),
        ({"Free Member": "Yes"}, "free"),
        ({"Patron Status": "Former patron", "Last Charge Date": "2026-01-01"}, "over"),
        ({"Patron Status": "Declined patron", "Last Charge Status": "Declined"}, "declined"),
        ({"Last Charge Status": "Refunded"}, "given_back"),
        ({"Last Charge Status": "Fraud"}, "given_back"),
        ({"Lifetime Amount": "0.00"}, "not_paid_yet"),
        ({"Pledge Amount": "much"}, "no_amount"),
        ({"Pledge Amount": "0.00"}, "no_amount"),
        ({"Next Charge Date": "soon"}, "no_day"),
        ({"Charge Frequency": "weekly"}, "other_interval"),
        ({"Patron Status": "Friend"}, "unknown_state"),
        ({"Currency": "Koval"}, "no_amount"),
        ({"Access Expiration": "9998-12-31"}, "no_day"),
        ({"Last Charge Date": "9999-12-31"}, "no_day"),
        ({"Last Charge Date": "0001-01-01"}, "no_day"),
        ({"Last Charge Date": "2026-03-12"}, "to_come"),
        ({"Patronage Since Date": "2027-03-01"}, "to_come"),
        (
            {
                "Patron Status": "Former patron",
                "Last Charge Date": "2024-01-01",
                "Access Expiration": "2030-01-01",
            },
            "over",
        ),
    ],
)
def test_patreon_gives_nothing(changes: dict[str, str], reason: str) -> None:
    """[V3] No standing without money that came and stayed."""
    found = one("patreon", exports.patreon(exports.patron(**changes)))
    assert found.support is None
    assert found.refusal is not None
    assert found.refusal.reason == reason


def test_steady() -> None:
    """[L8] An active membership names no end: it is the next anniversary, clamped."""
    support = one("steady", exports.steady(exports.member())).support
    assert support is not None
    assert (support.amount, support.interval) == (Money(600, "EUR"), "month")
    assert support.paid_until_at == day("2026-03-31")
    [february] = tell("steady", exports.steady(exports.member()), day("2026-02-10"))
    assert february.support is not None
    assert february.support.paid_until_at == day("2026-02-28")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"subscription_period": "annual"}, (7200, "active", "2027-01-31")),
        ({"subscription_period": "annual", "subscribed_at": "29.02.24"},
         (7200, "active", "2027-02-28")),
        ({"subscription_state": "not_renewing", "expires_at": "2026-03-28"},
         (600, "cancelled", "2026-03-28")),
        ({"subscription_state": "not_renewing", "gifted": "TRUE", "expires_at": "2026-12-01"},
         (600, "cancelled", "2026-04-13 12:00")),
        ({"subscription_state": "cancelled", "expires_at": "2026-02-28"}, "over"),
        ({"subscription_state": "in_trial", "trial_ends_at": "2026-03-28"}, "not_paid_yet"),
        ({"subscription_state": "not_renewing", "trial_ends_at": "2026-03-28"}, "not_paid_yet"),
        ({"subscription_state": "guest"}, "guest"),
        ({"subscription_state": "asleep"}, "unknown_state"),
        ({"subscribed_at": "long ago"}, "no_day"),
        ({"subscribed_at": "2026-12-01"}, "to_come"),
        ({"plan_monthly_amount_cents": "-600"}, "no_amount"),
    ],
)  # fmt: skip
def test_steady_until_the_paid_period_ends(changes: dict[str, str], expected: Any) -> None:
    """[L25] Cancelled is not over."""
    found = one("steady", exports.steady(exports.member(**changes)))
    if found.support is None:
        assert found.refusal is not None
        assert found.refusal.reason == expected
    else:
        minor, state, until = expected
        assert found.support.amount.minor == minor
        assert (found.support.state, found.support.paid_until_at) == (state, day(until))


@pytest.mark.parametrize(
    ("changes", "newsletter", "reason"),
    [
        ({}, True, None),
        ({"subscribed_to_emails": "false"}, False, None),
        ({"subscribed_to_emails": ""}, None, None),
        ({"subscribed_to_emails": "maybe"}, None, None),
        ({"stripe_customer_id": "cus_1"}, True, "pays_at_stripe"),
        ({"complimentary_plan": "true"}, True, "complimentary"),
        ({"deleted_at": "2025-01-01T00:00:00.000Z"}, None, "deleted_there"),
    ],
)
def test_ghost(changes: dict[str, str], newsletter: bool | None, reason: str | None) -> None:
    """[M8] Letters go to who said yes, and what says nothing is no yes."""
    found = one("ghost", exports.ghost(exports.reader(**changes)))
    assert found.newsletter is newsletter
    assert found.is_unclear is (newsletter is None and reason is None)
    assert (found.refusal and found.refusal.reason) == reason


@pytest.mark.parametrize("source", READERS)
def test_reasons_keep_no_cell(source: str) -> None:
    """[S10] In a broken line a name or an address may stand anywhere."""
    lines = {
        "patreon": exports.patron(),
        "steady": exports.member(),
        "ghost": exports.reader(stripe_customer_id="cus_1"),
    }
    write: Any = getattr(exports, source)
    name = "Olena Koval olena@example.org 12 Main St"
    for heading in lines[source]:
        found = one(source, write(lines[source] | {heading: name}))
        if found.refusal is not None:
            assert "olena" not in found.refusal.detail.lower(), heading


def test_files_that_went_through_spreadsheets() -> None:
    """A mark, semicolons, other cases and another order of columns make no difference."""
    headings = ",".join(reversed(exports.STEADY.upper().split(",")))
    line = {name.upper(): value for name, value in exports.member().items()}
    text = exports.csv_of(headings, line, delimiter=";")
    [found] = tell("steady", b"\xef\xbb\xbf" + text.encode())
    assert found == one("steady", exports.steady(exports.member()))


def test_lines_are_numbered_as_editors_number_them() -> None:
    text = exports.ghost(exports.reader(1, note="two\nlines"), exports.reader(2))
    assert [each.line for each in tell("ghost", text)] == [3, 4]


@pytest.mark.parametrize("anchor", ["2024-02-29", "2024-12-31", "2026-03-10", "2026-03-11"])
@pytest.mark.parametrize("interval", ["month", "year"])
def test_the_end_of_a_period(anchor: str, interval: str) -> None:
    """[L8] It is ahead, less than a period away, and one that the anchor leads to."""
    begun = day(anchor)
    end = told.period_end(begun, interval, NOW)
    months = {"month": 1, "year": 12}[interval]
    assert end > NOW
    steps = [told.later(begun, number * months) for number in range(1, 40)]
    assert end == next(each for each in steps if each > NOW)
