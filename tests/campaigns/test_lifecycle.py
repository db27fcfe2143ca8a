"""The table of a campaign's steps, against the rules written out anew."""

import pytest

from membership.campaigns import lifecycle
from membership.campaigns.models import STATES

# From the rules: draft → waits for approval → scheduled → sending ⇄ paused → finished or stopped.
ALLOWED = {
    ("change", "draft"), ("change", "awaiting_approval"), ("change", "scheduled"),
    ("schedule", "draft"),
    ("withdraw", "awaiting_approval"), ("withdraw", "scheduled"),
    ("approve", "awaiting_approval"),
    ("begin", "scheduled"),
    ("pause", "sending"),
    ("resume", "paused"),
    ("stop", "sending"), ("stop", "paused"),
    ("finish", "sending"), ("finish", "paused"),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("step", lifecycle.STEPS)
def test_every_step_from_every_state(step: str, state: str) -> None:
    """[M3] Allowed ones pass, all others raise and say which step and state."""
    if (step, state) in ALLOWED:
        lifecycle.check(step, state)
        return
    with pytest.raises(lifecycle.ForbiddenStepError) as refused:
        lifecycle.check(step, state)
    assert (refused.value.step, refused.value.state) == (step, state)


def test_every_state_can_be_reached_and_two_are_final() -> None:
    """[M3]"""
    reached = {"draft"}.union(*(step.targets for step in lifecycle.STEPS.values()))
    assert reached == set(STATES)
    left = set().union(*(step.sources for step in lifecycle.STEPS.values()))
    assert set(STATES) - left == {"stopped", "finished"}


@pytest.mark.parametrize(
    ("people", "state"), [(9, "scheduled"), (10, "scheduled"), (11, "awaiting_approval")]
)
def test_only_above_the_limit_it_waits(people: int, state: str) -> None:
    """[M3]"""
    assert lifecycle.after_scheduling(people, 10) == state


def test_who_is_a_second_person() -> None:
    """[M3] An editor or admin who neither wrote it nor changed it last."""
    assert lifecycle.is_second_person(3, "editor", 1, 2)
    assert lifecycle.is_second_person(3, "admin", None, 2)
    for account_id, role in (
        (1, "editor"),
        (2, "admin"),
        (3, "finance"),
        (3, "reporter"),
        (3, None),
    ):
        assert not lifecycle.is_second_person(account_id, role, 1, 2)
