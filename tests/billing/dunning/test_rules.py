"""When letters are due, how failures are told apart, who recovered a payment: pure rules."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.billing.dunning.rules import (
    HARD,
    LETTER_DAYS,
    SHORTEST_PAUSE,
    kind,
    next_letter_at,
    recovered_by,
)
from sandbox.stripe.collection import HOPELESS

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("decline_code", "needs_action", "expected"),
    [
        ("insufficient_funds", False, "soft"),
        ("generic_decline", False, "soft"),
        ("expired_card", False, "soft"),
        (None, False, "soft"),
        ("a_word_of_tomorrow", False, "soft"),
        ("lost_card", False, "hard"),
        ("stolen_card", False, "hard"),
        ("revocation_of_authorization", False, "hard"),
        ("authentication_required", True, "action"),
        ("lost_card", True, "action"),
    ],
)
def test_hard_and_soft_declines_differ(
    decline_code: str | None, needs_action: bool, expected: str
) -> None:
    """[B12]"""
    assert kind(decline_code, needs_action) == expected


def test_the_hard_codes_are_those_that_stripe_does_not_try_again() -> None:
    """[B12] But the one that the patron can answer with the same card."""
    assert HOPELESS - {"authentication_required"} == HARD


def test_letters_are_due_at_once_and_after_three_seven_and_fourteen_days() -> None:
    """[B12]"""
    written = [NOON]
    while (due := next_letter_at(NOON, len(written), written[-1])) is not None:
        written.append(due)
    assert [(each - NOON).days for each in written] == [0, 3, 7, 14]


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=30)), min_size=4, max_size=4))
def test_whatever_holds_letters_up_there_are_four_with_days_between(
    delays: list[timedelta],
) -> None:
    """[B12] [L16] None before its day, none sooner than three days after the one before."""
    written = [NOON + delays[0]]
    for delay in delays[1:]:
        due = next_letter_at(NOON, len(written), written[-1])
        assert due is not None
        written.append(due + delay)
    assert next_letter_at(NOON, len(written), written[-1]) is None
    for at, days in zip(written, LETTER_DAYS, strict=True):
        assert at >= NOON + timedelta(days=days)
    for before, after in pairwise(written):
        assert after - before >= SHORTEST_PAUSE


@pytest.mark.parametrize(
    ("failed_with", "paid_with", "link_used_at", "own_act_at", "expected"),
    [
        ("pm_1", "pm_1", None, None, "retry"),
        (None, None, None, None, "retry"),
        ("pm_1", "pm_2", None, None, "patron"),
        (None, "pm_2", None, None, "patron"),
        ("pm_1", "pm_2", NOON, None, "mail"),
        ("pm_1", "pm_1", NOON, None, "mail"),
        ("pm_1", "pm_2", None, NOON, "patron"),
        ("pm_1", "pm_1", None, NOON, "patron"),
        ("pm_1", "pm_2", NOON, LATER, "patron"),
        ("pm_1", "pm_2", LATER, NOON, "mail"),
    ],
)
def test_a_recovery_is_attributed(
    failed_with: str | None,
    paid_with: str | None,
    link_used_at: datetime | None,
    own_act_at: datetime | None,
    expected: str,
) -> None:
    """[B12]"""
    assert recovered_by(failed_with, paid_with, link_used_at, own_act_at) == expected
