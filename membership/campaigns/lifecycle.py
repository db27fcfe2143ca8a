"""What may follow what in the life of a campaign, and who may approve it (rule M3). Pure rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

ROLES = frozenset({"editor", "admin"})


@dataclass(frozen=True)
class Step:
    """From which states a step can be taken, and to which it leads."""

    sources: frozenset[str]
    targets: frozenset[str]


def _step(sources: str, targets: str) -> Step:
    return Step(frozenset(sources.split()), frozenset(targets.split()))


# The first seven are taken by people, the last two by the background. One that is found to reach
# too many people when it is due to begin waits for approval after all; too few, and it is a draft.
STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "change": _step("draft awaiting_approval scheduled", "draft"),
        "schedule": _step("draft", "awaiting_approval scheduled"),
        "withdraw": _step("awaiting_approval scheduled", "draft"),
        "approve": _step("awaiting_approval", "scheduled"),
        "pause": _step("sending", "paused"),
        "resume": _step("paused", "sending"),
        "stop": _step("sending paused", "stopped"),
        "begin": _step("scheduled", "sending awaiting_approval draft"),
        # A paused one has nothing left to hold back when what was on its way was the last of it.
        "finish": _step("sending paused", "finished"),
    }
)


class ForbiddenStepError(ValueError):
    """A campaign in this state cannot take that step; nothing was changed."""

    def __init__(self, step: str, state: str) -> None:
        super().__init__(f"A campaign that is {state} cannot take the step {step!r}.")
        self.step = step
        self.state = state


class SecondPersonError(PermissionError):
    """Who wrote or last changed a campaign, or is no editor, cannot approve it; nothing changed."""


def can(step: str, state: str) -> bool:
    """Whether a campaign in `state` can take `step`."""
    return state in STEPS[step].sources


def check(step: str, state: str) -> None:
    """Pass when a campaign in `state` can take `step`; raise ForbiddenStepError otherwise."""
    if not can(step, state):
        raise ForbiddenStepError(step, state)


def is_second_person(
    account_id: int, role: str | None, written_by_id: int | None, changed_by_id: int | None
) -> bool:
    """Whether this account may approve what these two wrote and last changed."""
    return role in ROLES and account_id not in (written_by_id, changed_by_id)


def after_scheduling(people: int, limit: int) -> str:
    """The state of a campaign to `people` that nobody has approved: above `limit` it waits."""
    return "awaiting_approval" if people > limit else "scheduled"
