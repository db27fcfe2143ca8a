"""The states of a subscription."""

import pytest

from membership.billing import models
from membership.billing.lifecycle import (
    INVOLUNTARY,
    LIVE,
    STEPS,
    ForbiddenTransitionError,
    UnknownStatusError,
    end_reason,
    state_of,
    transition,
)

FORBIDDEN = [
    ("active", "incomplete"),
    ("past_due", "incomplete"),
    ("paused", "incomplete"),
    ("cancel_scheduled", "incomplete"),
    ("ended", "incomplete"),
    ("ended", "active"),
    ("ended", "past_due"),
    ("ended", "paused"),
    ("ended", "cancel_scheduled"),
]
PAIRS = [(before, after) for before in STEPS for after in STEPS if before != after]


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_a_forbidden_transition_raises(before: str, after: str) -> None:
    """[B11]"""
    with pytest.raises(ForbiddenTransitionError, match=f"from {before} to {after}"):
        transition(before, after)


@pytest.mark.parametrize(("before", "after"), [pair for pair in PAIRS if pair not in FORBIDDEN])
def test_whatever_a_path_of_steps_leads_to_may_be_read(before: str, after: str) -> None:
    """[B11] Stripe's truth may skip states between two readings."""
    assert transition(before, after)


@pytest.mark.parametrize("state", STEPS)
def test_the_same_again_changes_nothing_and_anything_may_come_first(state: str) -> None:
    assert not transition(state, state)
    assert transition(None, state)


def test_the_states_are_those_of_the_table() -> None:
    assert set(STEPS) == set(models.SUBSCRIPTION_STATES)
    assert set(models.END_REASONS) > INVOLUNTARY


@pytest.mark.parametrize(
    ("status", "marks", "state"),
    [
        ("incomplete", {}, "incomplete"),
        ("incomplete_expired", {}, "ended"),
        ("active", {}, "active"),
        ("trialing", {}, "active"),
        ("active", {"ends_later": True}, "cancel_scheduled"),
        ("active", {"collection_paused": True}, "paused"),
        ("active", {"ends_later": True, "collection_paused": True}, "cancel_scheduled"),
        ("paused", {}, "paused"),
        ("past_due", {}, "past_due"),
        ("past_due", {"ends_later": True}, "past_due"),
        ("past_due", {"collection_paused": True}, "past_due"),
        ("unpaid", {}, "past_due"),
        ("canceled", {"ends_later": True}, "ended"),
    ],
)
def test_stripes_status_gives_our_state(status: str, marks: dict[str, bool], state: str) -> None:
    """[B11]"""
    assert state_of(status, **marks) == state


def test_an_unknown_status_is_no_guess() -> None:
    with pytest.raises(UnknownStatusError, match="dormant"):
        state_of("dormant")


def test_what_may_charge_again_is_live() -> None:
    """[B6] One that is scheduled to end is not counted as a second."""
    assert {"active", "past_due", "paused"} == LIVE


@pytest.mark.parametrize(
    ("status", "said", "reason"),
    [
        ("canceled", "cancellation_requested", "voluntary"),
        ("canceled", "payment_failed", "payment_failed"),
        ("canceled", "payment_disputed", "dispute"),
        ("canceled", None, "voluntary"),
        ("incomplete_expired", None, "payment_failed"),
        ("active", "cancellation_requested", None),
    ],
)
def test_why_it_ended(status: str, said: str | None, reason: str | None) -> None:
    """[B11]"""
    assert end_reason(status, said) == reason
